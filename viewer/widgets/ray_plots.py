"""Plots of one ray over t: density, alpha and weight, transmittance, and colours, with bands for the grid's cells.

A sampler that doesn't march the grid takes intervals of unequal lengths. The second plot then shows weights per scene
unit instead of alpha and weight per sample: those that guided the sampler and those in the pixel.
"""

import dearpygui.dearpygui as dpg
import numpy as np

from core.rendering.ray_trace import Fate
from core.samplers.base import GuideKind
from viewer.presentation.ray_report import (
    Line,
    cell_bands,
    color_strip,
    density_lines,
    steps,
    transmittance_line,
    weight_lines,
)
from viewer.tools.inspector import Inspection
from viewer.widgets import ui
from viewer.widgets.style import ALARM, Style

RATIOS = (0.24, 0.24, 0.24, 0.28)
"""The lowest plot is higher because it has the labels of the axis that all share."""

PIXELS = 1024
"""Width of the strips along t, in pixels."""

BANDS = {1: (0.42, 0.70, 0.84, 0.20), 0: (0.0, 0.0, 0.0, 0.0), -1: (0.0, 0.0, 0.0, 0.45)}
"""Colours behind the plots: visited cells, skipped cells, and everything behind the stop."""

LEGEND = (("visited cells", (46, 65, 77)), ("skipped", (22, 24, 28)), ("behind the stop", (9, 10, 12)))
"""The bands' names, and their colours as they look on the plots."""

OFF_GRID = ("occupied cells", "empty", "behind the stop")
"""The bands' names where the sampler doesn't march the grid."""


class RayPlots:
    """Four plots, one above the other, that fill their parent."""

    def __init__(self, style: Style):
        with ui.texture_registry():
            self._bands, self._colors = (ui.raw_texture(_empty()[None]) for _ in range(2))
        with ui.subplots(
            4, 1, width=-1, height=-1, row_ratios=RATIOS, no_title=True, no_menus=True, no_resize=True, tag="ray.plots"
        ):
            self._density = _Plot("ray.density", self._bands, style)
            self._alpha = _Plot("ray.alpha", self._bands, style)
            self._trans = _Plot("ray.trans", self._bands, style)
            self._strip = _Plot("ray.colors", self._bands, style, named=True)
        first, second, behind = style.ray_first, style.ray_second, ("", style.ray_behind)
        self._density.add_lines(behind=behind, density=("density, 1/units", first))
        self._alpha.add_lines(behind=behind, alpha=("alpha", first), weight=("weight", second))
        self._trans.add_lines(behind=behind, trans=("transmittance", first))
        self._alpha.add_level("alpha threshold", style.ray_level)
        self._trans.add_level("early stop", style.ray_level)
        self._alpha.add_mark("expected depth", style.ray_expected)
        self._trans.add_mark("median depth", style.ray_median)
        self._strip.add_image(self._colors)
        self._looks = {
            None: (style.ray_second,),
            GuideKind.WEIGHTS: (style.ray_guide, style.ray_first),
            GuideKind.DENSITY: (style.ray_knots,),
            GuideKind.PLACES: (style.ray_ticks, style.ray_guide_ticks),
        }
        self.show(None)

    def show(self, inspection: Inspection | None) -> None:
        """Plot a ray, or nothing."""
        if inspection is None or not np.isfinite(inspection.report.t_stop):
            self._clear()
            return
        report, s = inspection.report, inspection.report.samples
        read, on_grid = inspection.sampler.reads, inspection.sampler.marches_grid
        span = report.t_min, report.t_max
        bands = cell_bands(report.cells, report.t_stop, *span, PIXELS)
        dpg.set_value(self._bands, np.array([BANDS[int(b)] for b in bands], np.float32))
        dpg.set_value(self._colors, color_strip(s, *span, PIXELS))
        before = s.fates != Fate.BEHIND_STOP
        densities, alphas, weights = (
            [steps(s.t_starts[part], s.t_ends[part], values[part]) for part in (before, ~before)]
            for values in (s.sigmas, s.alphas, s.weights)
        )
        guides = density_lines(report)
        top = _top(np.concatenate([s.sigmas, *(line.ys for line in guides)]))
        self._density.show(span, top, density=densities[0], behind=densities[1])
        self._density.show_more(guides, self._looks)
        self._alpha.keep(on_grid, "alpha", "weight")
        if on_grid:
            self._alpha.show(span, _top(s.alphas), alpha=alphas[0], behind=alphas[1], weight=weights[0])
            self._alpha.show_more((), self._looks)
        else:
            lines = weight_lines(report)
            self._alpha.show(span, _top(np.concatenate([line.ys for line in lines])))
            self._alpha.show_more(lines, self._looks)
        ts, trans = transmittance_line(s)
        n_before = int(np.searchsorted(ts, report.t_stop, side="right"))
        seen, behind = ((ts[part], trans[part]) for part in (slice(n_before), slice(max(0, n_before - 1), None)))
        self._trans.show(span, 1.08, trans=seen, behind=behind)
        self._strip.show(span, 1.0)
        self._alpha.level(report.march.alpha_thre, on_grid)
        self._trans.level(report.march.early_stop_eps, "early_stop_eps" in read)
        self._alpha.mark(report.depth)
        self._trans.mark(report.median_depth)
        for plot in self._plots:
            plot.stop(report.t_stop, span)
        self._density.name_stop(report.stop.value, report.t_stop, span, top)

    @property
    def _plots(self) -> tuple["_Plot", ...]:
        return self._density, self._alpha, self._trans, self._strip

    def _clear(self) -> None:
        for texture in (self._bands, self._colors):
            dpg.set_value(texture, _empty())
        for plot in self._plots:
            plot.show((0.0, 1.0), 1.0)
            plot.show_more((), self._looks)
            plot.stop(np.inf, (0.0, 1.0))
        self._alpha.level(0.0)
        self._trans.level(0.0)
        self._alpha.mark(np.inf)
        self._trans.mark(np.inf)
        self._density.name_stop("", 0.0, (0.0, 1.0), 1.0)


class _Plot:
    """One plot, whose legend names its lines and their units."""

    def __init__(self, tag: str, bands: ui.Item, style: Style, named: bool = False):
        self._lines: dict[str, ui.Item] = {}
        self._images: list[ui.Item] = []
        self._more: list[ui.Item] = []
        self._level: ui.Item = 0
        self._mark: ui.Item = 0
        self._note: ui.Item = 0
        with ui.plot(tag=tag, no_menus=True, no_inputs=True, no_mouse_pos=True, no_title=True) as self._plot:
            self._legend = 0 if named else dpg.add_plot_legend(horizontal=True, no_buttons=True)
            self._x = dpg.add_plot_axis(
                dpg.mvXAxis,
                label="colours of the samples, over distance along the ray in units" if named else "",
                no_tick_labels=not named,
            )
            self._y = dpg.add_plot_axis(dpg.mvYAxis, no_tick_labels=named, no_tick_marks=named, no_gridlines=named)
        dpg.bind_item_font(self._plot, style.small)
        self.add_image(bands)
        self._stop = dpg.add_inf_line_series([], parent=self._y)
        dpg.bind_item_theme(self._stop, style.ray_stop)

    def add_lines(self, **lines: tuple[str, ui.Item]) -> None:
        """Add lines by name, each with its entry in the legend ("" for none) and its theme."""
        for name, (label, theme) in lines.items():
            self._lines[name] = dpg.add_line_series([], [], parent=self._y, label=label or f"##{name}")
            dpg.bind_item_theme(self._lines[name], theme)

    def add_level(self, label: str, theme: ui.Item) -> None:
        """Add the horizontal line."""
        self._level = dpg.add_inf_line_series([], parent=self._y, label=label, horizontal=True)
        dpg.bind_item_theme(self._level, theme)

    def add_mark(self, label: str, theme: ui.Item) -> None:
        """Add the vertical line."""
        self._mark = dpg.add_inf_line_series([], parent=self._y, label=label)
        dpg.bind_item_theme(self._mark, theme)

    def add_image(self, texture: ui.Item) -> None:
        """Add a strip of pixels that covers the plot."""
        image = dpg.add_image_series(texture, (0.0, 0.0), (1.0, 1.0), parent=self._y, label=f"##{texture}")
        self._images.append(image)

    def show(self, span: tuple[float, float], top: float, **lines: tuple[np.ndarray, np.ndarray]) -> None:
        """Plot lines by name over a span of t and from 0 to `top`; lines that aren't given are emptied."""
        dpg.set_axis_limits(self._x, *span)
        dpg.set_axis_limits(self._y, 0.0, top)
        for image in self._images:
            dpg.configure_item(image, bounds_min=(span[0], 0.0), bounds_max=(span[1], top))
        for name, series in self._lines.items():
            xs, ys = lines.get(name, ((), ()))
            dpg.set_value(series, [[float(x) for x in xs], [float(y) for y in ys]])

    def show_more(self, lines: tuple[Line, ...], looks: dict[GuideKind | None, tuple[ui.Item, ...]]) -> None:
        """Plot further lines, each with its entry in the legend.

        Args:
            looks: themes by kind of line: for its first line, its second, and so on.
        """
        while len(self._more) < len(lines):
            self._more.append(dpg.add_line_series([], [], parent=self._y))
        for i, series in enumerate(self._more):
            dpg.configure_item(series, show=i < len(lines))
        n_before = dict.fromkeys(looks, 0)
        for line, series in zip(lines, self._more, strict=False):
            dpg.configure_item(series, label=line.label)
            dpg.set_value(series, [line.xs.tolist(), line.ys.tolist()])
            dpg.bind_item_theme(series, looks[line.kind][n_before[line.kind] % len(looks[line.kind])])
            n_before[line.kind] += 1

    def keep(self, kept: bool, *names: str) -> None:
        """Show or hide lines of these names, with their entries in the legend."""
        for name in names:
            dpg.configure_item(self._lines[name], show=kept)

    def level(self, value: float, used: bool = True) -> None:
        """Move the horizontal line; 0 hides it. One that isn't used has no entry in the legend either."""
        dpg.configure_item(self._level, show=used)
        dpg.set_value(self._level, [[value] if value > 0.0 else []])

    def mark(self, t: float) -> None:
        """Move the vertical line; inf hides it."""
        dpg.set_value(self._mark, [[t] if np.isfinite(t) else []])

    def stop(self, t: float, span: tuple[float, float]) -> None:
        """Mark where the ray stopped (inf: nowhere), and move the legend to the other side."""
        dpg.set_value(self._stop, [[t] if np.isfinite(t) else []])
        if self._legend:
            corner = dpg.mvPlot_Location_NorthEast if _lies_left(t, span) else dpg.mvPlot_Location_NorthWest
            dpg.configure_item(self._legend, location=corner)

    def name_stop(self, reason: str, t: float, span: tuple[float, float], top: float) -> None:
        """Write the reason beside the mark, or at the plot's edge if it lies beyond, on the side with more room."""
        t = min(max(t, span[0]), span[1])
        if self._note:  # an annotation's text can't be changed
            dpg.delete_item(self._note)
            self._note = 0
        if reason:
            side = 1 if _lies_left(t, span) else -1
            self._note = dpg.add_plot_annotation(
                label=reason, default_value=(t, 0.7 * top), offset=(8 * side, 0), color=ALARM, parent=self._plot
            )


def _lies_left(t: float, span: tuple[float, float]) -> bool:
    """Whether t is in the first half of a span, so that the second one has more room."""
    return t <= 0.5 * (span[0] + span[1])


def _empty() -> np.ndarray:
    return np.zeros((PIXELS, 4), np.float32)


def _top(values: np.ndarray) -> float:
    """The upper end of an axis for values of 0 and more; NaN and infinity don't count."""
    return 1.15 * max(float(np.max(values, where=np.isfinite(values), initial=0.0)), 1e-3)
