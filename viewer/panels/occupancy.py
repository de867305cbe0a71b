"""The occupancy grid: a histogram of its stored values with the threshold, and how its cells are drawn."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from core.config.setting import settings_of
from core.samplers import SAMPLERS
from viewer.picture.overlays.grid_cells import LEVEL_COLORS
from viewer.presentation import occupancy_plot
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.protocol.view_settings import DEFAULTS, CellsColor, SliceAxis, ViewSettings
from viewer.state.dock_layout import Area
from viewer.tools.occupancy import GRID, GridFacts
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.setting_slider import SettingSlider
from viewer.widgets.style import ACCENT, DASH, DIM, Style
from viewer.widgets.widgets import Figures, SettingCombo, tooltip

PLOT_HEIGHT = 150

COLORS = {
    CellsColor.LEVEL: "level",
    CellsColor.VALUE: "stored value",
    CellsColor.CHANGED: "changed last update",
    CellsColor.CAMERAS: "cameras that see it",
}
AXES = {SliceAxis.OFF: "no slice", SliceAxis.X: "x", SliceAxis.Y: "y", SliceAxis.Z: "z"}

FIGURES = {
    "threshold": (
        "Threshold",
        "A cell is marched if its stored density * step exceeds this. Drag the line in the plot.",
    ),
    "above": ("Above it", "Share of all cells that the view marches."),
    "empty": (
        "Known empty",
        "Share of the cells that must be empty, because they lie outside the silhouettes in the photos.",
    ),
    "below": ("Nearly 0", "Share of the cells whose stored value lies below the plot's first bin, including 0."),
}
"""Caption and explanation."""


class OccupancyPanel(Panel):
    """The grid's histogram, and how its cells are drawn."""

    tag, title = "grid", "Occupancy"
    area, shown = Area.SIDE, True
    tools = (GRID,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._serial = 0
        self._asked: float | None = None
        style, settings = context.style, settings_of(ViewSettings)
        self._histogram = _Histogram(style, lambda threshold: context.state.set_march(occ_thre=threshold))
        captions, tips = ({name: pair[i] for name, pair in FIGURES.items()} for i in range(2))
        self._figures = Figures(captions, style, 4, "grid", tips)
        self._levels = _Levels(style)
        self._unused = dpg.add_text("", color=DIM, wrap=0, tag="grid.unused", show=False)
        dpg.bind_item_font(self._unused, style.small)
        self._seen_by = dpg.add_text("", color=DIM, wrap=0)
        dpg.bind_item_font(self._seen_by, style.small)

        def choice(name: str, words: dict) -> SettingCombo:
            return SettingCombo(context, f"view.{name}", settings[name], words, self._setter(name))

        def slider(name: str) -> SettingSlider:
            return SettingSlider(context, f"view.{name}", settings[name], self._setter(name))

        self._opacity = slider("cells_opacity")
        self._color = choice("cells_color", COLORS)
        self._level = choice("cells_level", {-1: "all"})
        self._axis = choice("slice_axis", AXES)
        with ui.group(show=False) as self._slice:
            self._position = slider("slice_position")
            self._place = dpg.add_text("", color=DIM, tag="grid.place")
            dpg.bind_item_font(self._place, style.small)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Follow the settings; show the newest facts."""
        if status.scene_serial != self._serial:
            self._serial = status.scene_serial
            self._new_scene(status)
        self._follow_settings(status)
        if status.scene is None:
            return
        threshold = self._context.state.march.occ_thre
        # Each question interrupts a picture that is being refined: ask only if it is new, or when back in sight.
        if threshold != self._asked or self._context.returned:
            self._asked = threshold
            self._context.session.ask(GRID, threshold)
        facts: GridFacts | None = self._context.session.result(GRID)
        self._histogram.show(facts, threshold)
        shares = frame.stats.occupied if frame is not None else ()
        self._levels.show(shares)
        self._figures.show(
            threshold=f"{threshold:.3g}" if threshold > 0.0 else "off",
            above=f"{100.0 * sum(shares) / len(shares):.2f} %" if shares else DASH,
            empty=DASH if facts is None else f"{100.0 * facts.n_empty / facts.n_cells:.1f} %",
            below=DASH if facts is None else f"{100.0 * facts.n_below / facts.n_cells:.1f} %",
        )
        dpg.configure_item(self._unused, show=not status.scene.sampler.marches_grid)
        dpg.set_value(self._unused, occupancy_plot.unused_text(SAMPLERS.name_of(status.scene.sampler)))
        dpg.set_value(self._seen_by, occupancy_plot.seen_by_text(facts, status.scene.n_train))

    def _follow_settings(self, status: Status) -> None:
        view = self._context.state.view
        self._opacity.show(view.cells_opacity, DEFAULTS.cells_opacity)
        self._color.show(view.cells_color)
        self._level.show(view.cells_level)
        self._axis.show(view.slice_axis)
        sliced = view.slice_axis != SliceAxis.OFF
        dpg.configure_item(self._slice, show=sliced)
        if sliced:
            self._position.show(view.slice_position, DEFAULTS.slice_position)
        if sliced and status.scene is not None:
            box, n_levels = status.scene.box, status.scene.train.grid_levels
            dpg.set_value(
                self._place, occupancy_plot.position_text(view.slice_axis, view.slice_position, box, n_levels)
            )

    def _new_scene(self, status: Status) -> None:
        """List the levels of the scene's grid."""
        n_levels = status.scene.train.grid_levels if status.scene else 1
        self._level.offer({-1: "all"} | ({i: str(i) for i in range(n_levels)} if n_levels > 1 else {}))
        if self._context.state.view.cells_level >= n_levels:
            self._context.state.set_view(cells_level=-1)

    def _setter(self, name: str):
        return lambda value: self._context.state.set_view(**{name: value})


class _Histogram:
    """The histogram of the stored values, and the threshold as a line that can be dragged."""

    def __init__(self, style: Style, change: Callable[[float], None]):
        self._facts: GridFacts | None = None
        self._threshold: float | None = None
        with ui.plot(
            tag="grid.histogram", height=style.px(PLOT_HEIGHT), width=-1, no_menus=True, no_inputs=True,
            no_mouse_pos=True, no_title=True,
        ) as plot:  # fmt: skip
            x = dpg.add_plot_axis(dpg.mvXAxis, label="stored density * step", no_gridlines=True)
            self._y = dpg.add_plot_axis(dpg.mvYAxis, label="cells")
            self._below, self._above = (
                dpg.add_bar_series([], [], weight=occupancy_plot.BAR_WIDTH, parent=self._y) for _ in range(2)
            )
            # The bars cover the line that is dragged, so another line is drawn over them at the same place.
            self._mark = dpg.add_inf_line_series([], parent=self._y)
            self._line = dpg.add_drag_line(
                default_value=0.0, color=ACCENT, thickness=style.px(1), show_label=False, parent=plot,
                callback=lambda: change(occupancy_plot.threshold_at(dpg.get_value(self._line))),
            )  # fmt: skip
        dpg.set_axis_limits(x, *occupancy_plot.LIMITS)
        dpg.set_axis_ticks(x, occupancy_plot.TICKS)
        dpg.set_axis_limits(self._y, 0.0, 1.0)
        dpg.bind_item_font(plot, style.small)
        dpg.bind_item_theme(self._below, style.bars_off)
        dpg.bind_item_theme(self._above, style.bars_on)
        dpg.bind_item_theme(self._mark, style.threshold)

    def show(self, facts: GridFacts | None, threshold: float) -> None:
        if facts is self._facts and threshold == self._threshold:
            return
        self._facts, self._threshold = facts, threshold
        position = occupancy_plot.position_of(threshold)
        dpg.set_value(self._line, position)
        dpg.set_value(self._mark, [[position]])
        if facts is None:
            dpg.set_value(self._below, [[], []])
            dpg.set_value(self._above, [[], []])
            return
        positions, below, above = occupancy_plot.bars(facts, threshold)
        dpg.set_value(self._below, [positions, below])
        dpg.set_value(self._above, [positions, above])
        dpg.set_axis_limits(self._y, 0.0, 1.1 * max(1, int(facts.counts.max())))


class _Levels:
    """The share of occupied cells per level, in the colour in which the level's cells are drawn."""

    def __init__(self, style: Style):
        with ui.group(horizontal=True) as row:
            name = dpg.add_text("Occupied cells per level:", color=DIM)
            self._shares = [
                dpg.add_text("", color=(int(255 * red), int(255 * green), int(255 * blue), 255), show=False)
                for red, green, blue in LEVEL_COLORS
            ]
        for item in (name, *self._shares):
            dpg.bind_item_font(item, style.small)
        tooltip(row, "The share of each level's cells that the view marches; finest level first.", style)

    def show(self, shares: tuple[float, ...]) -> None:
        for i, item in enumerate(self._shares):
            dpg.configure_item(item, show=i < len(shares))
            if i < len(shares):
                dpg.set_value(item, f"{100.0 * shares[i]:.1f} %")


PANEL = OccupancyPanel
