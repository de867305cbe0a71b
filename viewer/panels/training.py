"""Training: pause, reset and save, speeds, loss and held-out PSNR."""

import math
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.protocol.frames import Frame
from viewer.protocol.status import State, Status
from viewer.state.dock_layout import Area
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.style import DASH, Style
from viewer.widgets.widgets import Figures, button, clock, short

PLOTS_HEIGHT, PLOT_RATIOS = 152, (0.43, 0.57)
"""The lower plot is higher because it has the labels of the axis that both share."""
DECIBELS = (10.0, 30.0)
"""The range of the PSNR axis until there is something to plot."""


class TrainingPanel(Panel):
    """How training goes, and its buttons."""

    tag, title = "training", "Training"
    area, shown = Area.SIDE_TOP, True

    def __init__(self, context: Context):
        super().__init__(context)
        style = context.style
        with ui.group(horizontal=True):
            width = style.px(98)
            self._toggle = button(
                "Pause", style, self.toggle, "Pause or resume training (Space).", width=width, tag="training.pause"
            )
            button("Reset", style, context.session.reset, "Train again from the first step.", width=width)
            button("Save", style, self._save, "Save a snapshot, from which training can go on another day.", width=-1)
        self._figures = Figures(
            {
                "step": "Step",
                "time": "Time",
                "loss": "Loss",
                "psnr": "Test PSNR",
                "steps": "Steps/s",
                "rays": "Rays/s",
                "samples": "Samples/s",
            },
            style,
            4,
            "training",
            {
                "time": "Time spent on training steps, not counting pauses and pictures.",
                "loss": "Mean squared error of the newest step.",
                "psnr": "Peak signal-to-noise ratio on a few views that training never sees. Higher is better.",
                "rays": "Rays that training uses per second.",
                "samples": "Samples that training composites per second.",
            },
        )
        # Subplots line up the two vertical axes, whose labels are not equally wide.
        with ui.subplots(
            2, 1, height=style.px(PLOTS_HEIGHT), width=-1, row_ratios=PLOT_RATIOS, no_title=True, no_menus=True,
            no_resize=True,
        )  :  # fmt: skip
            self._loss = _Curve("loss", "Loss (MSE)", style, style.loss, log=True, names_steps=False)
            self._psnr = _Curve("psnr", "PSNR (dB)", style, style.psnr, log=False, names_steps=True)

    def toggle(self) -> None:
        """Pause, or resume."""
        state = self._context.session.status.state
        if state in (State.PAUSED, State.FAILED):
            self._context.session.resume()
        elif state == State.TRAINING:
            self._context.session.pause()

    def shortcuts(self) -> dict[str, Callable[[], object]]:
        """See `Panel.shortcuts`."""
        return {"Space": self.toggle}

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the newest figures."""
        dpg.configure_item(self._toggle, label="Resume" if status.state in (State.PAUSED, State.FAILED) else "Pause")
        self._figures.show(
            step=f"{status.step}",
            time=clock(status.seconds),
            loss=f"{status.losses[-1][1]:.3g}" if status.losses else DASH,
            psnr=f"{status.psnrs[-1].psnr:.1f} dB" if status.psnrs else DASH,
            steps=f"{status.steps_per_second:.1f}",
            rays=short(status.rays_per_second),
            samples=short(status.samples_per_second),
        )
        last = max((curve[-1][0] for curve in (status.losses, status.psnrs) if curve), default=0)
        self._loss.show(status.losses, last)
        self._psnr.show(tuple(point[:2] for point in status.psnrs), last)

    def _save(self) -> None:
        status = self._context.session.status
        if status.scene is None:
            self._context.say("There is nothing to save yet: open a dataset first.")
            return
        path = f"snapshots/{status.scene.name}-step{status.step:06d}.safetensors"
        self._context.session.save_snapshot(path, self._context.state.flight.album)


class _Curve:
    """One small plot over the training steps."""

    def __init__(self, tag: str, title: str, style: Style, theme: ui.Item, log: bool, names_steps: bool):
        self._data: tuple = ()
        self._log = log
        self._series = f"{tag}.series"
        with ui.plot(tag=f"{tag}.plot", no_menus=True, no_inputs=True, no_mouse_pos=True, no_title=True):
            self._x = dpg.add_plot_axis(
                dpg.mvXAxis, label="step" if names_steps else "", no_tick_labels=not names_steps
            )
            scale = dpg.mvPlotScale_Log10 if log else dpg.mvPlotScale_Linear
            self._y = dpg.add_plot_axis(dpg.mvYAxis, label=title, scale=scale)
            dpg.add_line_series([], [], parent=self._y, tag=self._series)
        dpg.bind_item_font(f"{tag}.plot", style.small)
        dpg.bind_item_theme(self._series, theme)
        self._frame([], 0)

    def show(self, pairs: tuple[tuple[int, float], ...], last: int) -> None:
        """Draw pairs (step, value); the horizontal axis ends at `last`."""
        if (pairs, last) == self._data:
            return
        self._data = (pairs, last)
        kept = [(float(x), float(y)) for x, y in pairs if math.isfinite(y) and (y > 0.0 or not self._log)]
        dpg.set_value(self._series, [[x for x, _ in kept], [y for _, y in kept]])
        self._frame([y for _, y in kept], last)

    def _frame(self, ys: list[float], last: int) -> None:
        """Fit the axes: a logarithmic one to whole decades, so that it has labels; a linear one with some margin."""
        dpg.set_axis_limits(self._x, 0.0, max(last, 100.0))
        if self._log:
            low = math.floor(math.log10(min(ys, default=1e-3)))
            high = math.ceil(math.log10(max(ys, default=1e-1)))
            dpg.set_axis_limits(self._y, 0.6 * 10.0**low, 1.2 * 10.0 ** max(high, low + 1))
        else:
            low, high = min(ys, default=DECIBELS[0]), max(ys, default=DECIBELS[1])
            air = max(0.5, 0.1 * (high - low))
            dpg.set_axis_limits(self._y, low - air, high + air)


PANEL = TrainingPanel
