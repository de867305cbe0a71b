"""Held-out PSNR of the present and the former run, against training time and against evaluated densities."""

from collections.abc import Callable
from typing import NamedTuple

import dearpygui.dearpygui as dpg

from viewer.protocol.runs import Measured
from viewer.widgets import ui
from viewer.widgets.style import Style


class _Axis(NamedTuple):
    """A quantity that PSNR is plotted against."""

    label: str
    value: Callable[[Measured], float]
    least: float


AXES = {
    "seconds": _Axis("training, s", lambda point: point.seconds, 5.0),
    "evaluations": _Axis("densities, millions", lambda point: 1e-6 * point.evaluations, 1.0),
}
DECIBELS = (10.0, 30.0)
"""The range of the axis until there is something to plot."""


class RunPlots:
    """Two plots side by side, with one curve for each run.

    Args:
        height: in pixels; -1 takes all there is.
    """

    def __init__(self, style: Style, height: int):
        self._drawn: tuple = ()
        self._plots: dict[str, tuple[ui.Item, ui.Item, ui.Item, ui.Item]] = {}
        with ui.subplots(1, len(AXES), height=height, width=-1, no_title=True, no_menus=True, no_resize=True):
            for name, axis in AXES.items():
                with ui.plot(
                    tag=f"method.{name}", no_menus=True, no_inputs=True, no_mouse_pos=True, no_title=True
                ):  # fmt: skip
                    x = dpg.add_plot_axis(dpg.mvXAxis, label=axis.label)
                    y = dpg.add_plot_axis(dpg.mvYAxis, label="PSNR, dB")
                    former, present = (dpg.add_line_series([], [], parent=y) for _ in range(2))
                dpg.bind_item_font(f"method.{name}", style.small)
                dpg.bind_item_theme(former, style.run_former)
                dpg.bind_item_theme(present, style.run_present)
                self._plots[name] = (x, y, former, present)

    def show(self, former: tuple[Measured, ...], present: tuple[Measured, ...]) -> None:
        """Draw both curves; either may be empty."""
        if (former, present) == self._drawn:
            return
        self._drawn = (former, present)
        heights = [point.psnr for point in (*former, *present)]
        low, high = min(heights, default=DECIBELS[0]), max(heights, default=DECIBELS[1])
        air = max(0.5, 0.1 * (high - low))
        for name, (x, y, *series) in self._plots.items():
            axis = AXES[name]
            last = max((axis.value(point) for point in (*former, *present)), default=0.0)
            dpg.set_axis_limits(x, 0.0, 1.04 * max(last, axis.least))
            dpg.set_axis_limits(y, low - air, high + air)
            for item, points in zip(series, (former, present), strict=True):
                dpg.set_value(item, [[axis.value(point) for point in points], [point.psnr for point in points]])
