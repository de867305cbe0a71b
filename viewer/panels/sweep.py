"""A threshold's sweep over the view: time, samples and quality against its value; a click sets the value."""

from collections.abc import Sequence
from dataclasses import replace

import dearpygui.dearpygui as dpg

from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.setting import settings_of
from core.rendering.sweep_curve import KNEE_DECIBELS, SweepCurve, SweepPoint, swept_names
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.tools.sweep import LONGEST_SIDE, SWEEP, SweepQuestion, SweepResult
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.style import ALARM, DIM, LINE, TIMES, Color, Style
from viewer.widgets.widgets import button

LABELS = {settings_of(MarchSettings)[name].label: name for name in MARCH_NUMBERS}
"""The names of the settings, by what the list of thresholds calls them."""

HELP = f"Render this view, at most {LONGEST_SIDE} px wide and high, with 12 values of the threshold."

NAMES_SHARE = 0.22
"""The share of a plot's height above the points, for the lines' names."""


class SweepPanel(Panel):
    """Plots of what each value of a threshold costs and saves."""

    tag, title = "sweep", "Sweep"
    tools = (SWEEP,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._shown: SweepResult | None = None
        self._names = MARCH_NUMBERS
        style = context.style
        with ui.group(horizontal=True):
            dpg.add_combo(list(LABELS), tag="sweep.name", width=style.px(158), default_value=next(iter(LABELS)))
            self._start = button("Sweep", style, self._toggle, HELP, tag="sweep.start", width=style.px(76))
            self._take = button(
                "Take the knee", style, self._take_knee, "Set the slider to the knee.", tag="sweep.take", show=False
            )
            dpg.add_progress_bar(tag="sweep.progress", width=style.px(90), show=False)
            dpg.add_text(HELP, tag="sweep.text", color=DIM)
            dpg.add_text("", tag="sweep.found", show=False)
        with ui.subplots(1, 3, width=-1, height=-1, no_title=True, no_menus=True, no_resize=True):
            self._plots = [
                _Plot("sweep.ms", "ms per picture", style, style.sweep_time),
                _Plot("sweep.samples", "samples per ray", style, style.sweep_samples),
                _Plot("sweep.psnr", "PSNR against off, dB", style, style.sweep_psnr),
            ]
        context.sweep = self.sweep

    def sweep(self, name: str) -> None:
        """Open the panel and sweep a threshold."""
        self._context.open_panel(self.tag)
        dpg.set_value("sweep.name", settings_of(MarchSettings)[name].label)
        self._ask()

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the sweep's progress; set the value under the mouse when a plot is clicked."""
        if status.scene is not None and (names := swept_names(status.scene.sampler)) != self._names:
            self._offer(names)
        result = self._context.session.result(SWEEP)
        if result is not self._shown:
            self._shown = result
            self._show(result)
        curve = None if result is None else result.curve
        hovered = False
        if curve is not None and any(plot.hovered for plot in self._plots):
            hovered = True
            value = curve.value_at(dpg.get_plot_mouse_pos()[0])
            dpg.set_value("sweep.text", readout(curve, value))
            if dpg.is_mouse_button_clicked(dpg.mvMouseButton_Left):
                self._choose(curve.name, value)
        else:
            dpg.set_value("sweep.text", HELP if result is None else text_of(result))
        found = result is not None and result.finished and not hovered
        dpg.configure_item("sweep.text", show=not found)
        dpg.configure_item("sweep.found", show=found)
        if result is not None and curve is not None:
            present = getattr(self._context.state.march, curve.name)
            for plot in self._plots:
                plot.mark(curve, result.knee, present)

    def _offer(self, names: tuple[str, ...]) -> None:
        """List these thresholds."""
        self._names, labels = names, [label for label, name in LABELS.items() if name in names]
        dpg.configure_item("sweep.name", items=labels)
        if dpg.get_value("sweep.name") not in labels:
            dpg.set_value("sweep.name", labels[0])

    def _show(self, result: SweepResult | None) -> None:
        running = result is not None and result.running
        dpg.configure_item(self._start, label="Stop" if running else "Sweep")
        dpg.configure_item("sweep.progress", show=running)
        dpg.set_value("sweep.progress", result.share if result is not None and running else 0.0)
        curve = None if result is None else result.curve
        dpg.configure_item(self._take, show=result is not None and result.knee is not None)
        dpg.set_value("sweep.found", found_text(result) if result is not None and result.finished else "")
        points = () if curve is None else curve.points
        per_ray = [point.samples_per_ray for point in points]
        heights, low, high = ([], 30.0, 50.0) if curve is None else curve.drawn_decibels()
        times = [point.ms for point in points]
        self._plots[0].draw(curve, times, 0.0, max(times, default=10.0))
        self._plots[1].draw(curve, per_ray, 0.0, max(1e-3, max(per_ray, default=10.0)))
        self._plots[2].draw(curve, heights, low, high)

    def _toggle(self) -> None:
        if self._shown is not None and self._shown.running:
            self._context.session.ask(SWEEP, None)
        else:
            self._ask()

    def _ask(self) -> None:
        frame = self._context.session.frame
        if frame is None:
            self._context.say("There is no picture to sweep yet: open a dataset first.")
            return
        name = LABELS[dpg.get_value("sweep.name")]
        request = replace(frame.request, march=self._context.state.march)
        self._context.session.ask(SWEEP, SweepQuestion(name, request))

    def _take_knee(self) -> None:
        result = self._shown
        if result is not None and result.knee is not None:
            self._choose(result.question.name, result.knee.value)

    def _choose(self, name: str, value: float) -> None:
        try:
            self._context.state.set_march(**{name: value})
        except ValueError as error:
            self._context.say(str(error))


class _Plot:
    """One figure against the swept value, on the scale of the setting's slider."""

    def __init__(self, tag: str, title: str, style: Style, theme: ui.Item):
        self._tag, self._top = tag, 0.0
        self._marked: tuple | None = None
        # Fixed limits keep it from being panned. With no_inputs it would not report the mouse.
        with ui.plot(tag=f"{tag}.plot", no_menus=True, no_box_select=True, no_mouse_pos=True, no_title=True):
            self._x = dpg.add_plot_axis(dpg.mvXAxis)
            self._y = dpg.add_plot_axis(dpg.mvYAxis, label=title)
            self._present = dpg.add_inf_line_series([], parent=self._y)
            self._knee = dpg.add_inf_line_series([], parent=self._y)
            self._series = dpg.add_line_series([], [], parent=self._y)
            self._knee_name = _annotation(ALARM)
            self._present_name = _annotation(LINE)
        dpg.set_axis_limits(self._x, -0.03, 1.03)
        dpg.bind_item_font(f"{tag}.plot", style.small)
        dpg.bind_item_theme(self._series, theme)
        dpg.bind_item_theme(self._knee, style.sweep_knee)
        dpg.bind_item_theme(self._present, style.sweep_present)

    @property
    def hovered(self) -> bool:
        return bool(dpg.is_item_hovered(f"{self._tag}.plot"))

    def draw(self, curve: SweepCurve | None, heights: Sequence[float], low: float, high: float) -> None:
        """Draw the finished points on an axis from `low` to above `high`, where the lines' names are."""
        xs = [] if curve is None else [curve.scale.position(point.value) for point in curve.points]
        dpg.set_value(self._series, [xs, list(heights)])
        self._top, self._marked = high + NAMES_SHARE * (high - low), None
        dpg.set_axis_limits(self._y, low, self._top)
        if curve is None:
            self._name(self._knee, self._knee_name, None, "")
            self._name(self._present, self._present_name, None, "")
            return
        dpg.set_axis_ticks(self._x, tuple((text, position) for position, text in curve.scale.ticks()))
        dpg.configure_item(self._x, label=curve.scale.setting.label)

    def mark(self, curve: SweepCurve, knee: SweepPoint | None, present: float) -> None:
        """Draw lines at the knee, if there is one yet, and at the present value, with their names."""
        scale = curve.scale
        if (knee, present) == self._marked:
            return
        self._marked = (knee, present)
        inside = scale.setting.low <= present <= scale.setting.high
        knee_at = None if knee is None else scale.position(knee.value)
        now_at = scale.position(present) if inside else None
        knee_first = knee_at is not None and now_at is not None and knee_at < now_at
        knee_text = "" if knee is None else f"knee {scale.text(knee.value)}"
        self._name(self._knee, self._knee_name, knee_at, knee_text, left=knee_first)
        self._name(self._present, self._present_name, now_at, f"now {scale.text(present)}", left=not knee_first)

    def _name(self, line: ui.Item, name: ui.Item, position: float | None, text: str, left: bool = False) -> None:
        """Draw a line with its name to its left or right, or hide both."""
        dpg.set_value(line, [[] if position is None else [position]])
        dpg.configure_item(name, show=position is not None, label=text, offset=(-6 if left else 6, 8))
        if position is not None:
            dpg.set_value(name, (position, self._top))


def _annotation(color: Color) -> ui.Item:
    return dpg.add_plot_annotation(label="", default_value=(0.0, 0.0), color=color, show=False)


def text_of(result: SweepResult) -> str:
    """The progress of an unfinished sweep, or why there is none."""
    if result.problem:
        return result.problem
    n = 0 if result.curve is None else len(result.curve.points)
    values = "1 value" if n == 1 else f"{n} values"
    return f"{'' if result.running else 'Stopped: '}{values} done, {_size(result)}"


def found_text(result: SweepResult) -> str:
    """The result of a finished sweep, in one line."""
    curve, where = result.curve, f"{_size(result)}, step {result.step}"
    if curve is None or result.knee is None:
        return f"No value keeps {KNEE_DECIBELS:g} dB against thresholds off. {where}"
    knee = curve.scale.text(result.knee.value)
    return f"Knee {knee}: the fewest evaluations that keep {KNEE_DECIBELS:g} dB against off. {where}"


def readout(curve: SweepCurve, value: float) -> str:
    """An offer to set a value, with its figures if it was rendered."""
    point = next((point for point in curve.points if point.value == value), None)
    words = curve.scale.text(value) + (f" {curve.scale.setting.unit}" if curve.scale.setting.unit else "")
    return f"Click for {words}" + ("" if point is None else f": {figures(point)}")


def figures(point: SweepPoint) -> str:
    """A point's figures, with their units."""
    return f"{point.ms:.1f} ms, {point.samples_per_ray:.2f} samples per ray, {point.psnr_vs_off:.1f} dB against off"


def _size(result: SweepResult) -> str:
    return f"{result.width} {TIMES} {result.height} px"


PANEL = SweepPanel
