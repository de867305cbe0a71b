"""Two settings, two runs, or photo and view, compared in one picture, and figures of how much they differ."""

import math

import dearpygui.dearpygui as dpg

from core.config.march import MarchSettings
from core.config.setting import settings_of
from viewer.presentation.captions import differing, errors_text
from viewer.protocol.frames import Frame
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.runs import title_of
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.status import Status
from viewer.protocol.view_settings import DEFAULTS, Compare, CompareAs, ViewSettings
from viewer.state.view_state import ViewState
from viewer.tools.photo import PHOTO
from viewer.tools.scattered import Difference
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.setting_slider import SettingSlider
from viewer.widgets.style import ACCENT, DASH, DIM, SECOND, TIMES
from viewer.widgets.widgets import Choice, button, short

WHAT = {
    Compare.OFF: ("Off", "Show the present picture alone."),
    Compare.SETTINGS: ("A and B", "Compare the settings kept as A with the present ones, B."),
    Compare.RUN: (
        "Former run",
        "Compare the former run, A, with the present one, B, both with the present thresholds. There is a former run "
        "once training was started again with another method, see the panel Method.",
    ),
    Compare.PHOTO: (
        "Photo",
        "Compare the photo with the picture while the camera stands on a view of the dataset. "
        "Masked parts are darkened and don't count.",
    ),
}
HOW = {
    CompareAs.DIVIDER: ("Divider", "A or the photo to the left of a divider, the present picture to its right. "
                        "Drag the divider on the picture."),
    CompareAs.DIFFERENCE: ("Difference", "The absolute difference, with its scale in the corner of the picture."),
    CompareAs.BLEND: ("Blend", "A mix of both."),
    CompareAs.FIRST: ("A only", "A or the photo alone."),
}  # fmt: skip

COSTS = {
    "Frame": lambda s: f"{s.milliseconds:.0f} ms",
    "Samples/ray": lambda s: f"{s.samples_per_ray:.2f}",
    "Densities": lambda s: short(s.n_density),
    "Colours": lambda s: short(s.n_color),
}
"""The table's rows that say what a picture cost."""

MOST_ROWS = len(settings_of(MarchSettings)) + len(COSTS)
WIDTH = 318
"""The width of a row of buttons, at scale 1."""

KEEP_HELP = "Keep the present thresholds as A. Later changes make B."
SWAP_HELP = "Exchange A's thresholds with the present ones."
NO_FORMER = "There is no former run yet: train with another method in the panel Method."
HINT = "Stand on a view of the dataset to compare with its photo: press [ or ], or click one in the panel Images."


class ComparePanel(Panel):
    """What is compared, how, and by how much it differs."""

    tag, title = "compare", "Compare"
    tools = (PHOTO,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._asked: Frame | None = None
        self._rows: list[tuple[str, str, str]] = []
        style, state = context.style, context.state
        with ui.group(horizontal=True, horizontal_spacing=style.px(2)):
            width = style.px(WIDTH // 2)
            button("Keep as A", style, state.keep_as_a, KEEP_HELP, width=width, tag="compare.keep")
            button("Swap A and B", style, self._swap, SWAP_HELP, width=width, tag="compare.swap")
        self._what = Choice("compare.what", WHAT, style, style.px(WIDTH // 4 - 1), self._compare)
        self._how = Choice("compare.how", HOW, style, style.px(WIDTH // 4 - 1), lambda v: state.set_view(compare_as=v))
        self._sliders = {CompareAs.DIVIDER: self._slider("divider"), CompareAs.BLEND: self._slider("blend")}
        dpg.add_separator()
        self._build_table()
        self._between = dpg.add_text("", tag="compare.between", wrap=style.px(WIDTH))
        dpg.add_separator()
        self._photo = dpg.add_text("", tag="compare.photo", wrap=style.px(WIDTH))
        self._likeness = dpg.add_text("", tag="compare.likeness", wrap=style.px(WIDTH))

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the settings, and how the newest frame's pictures differ."""
        self._ask(frame)
        state, session = self._context.state, self._context.session
        view = state.view
        self._what.show(view.compare)
        self._how.show(view.compare_as)
        self._how.name(CompareAs.FIRST, "Photo only" if view.compare is Compare.PHOTO else "A only")
        for how, (group, slider, name) in self._sliders.items():
            dpg.configure_item(group, show=view.compare_as is how)
            slider.show(getattr(view, name), getattr(DEFAULTS, name))
        self._show_rows(rows(state, status, frame))
        dpg.set_value(self._between, between_text(state, frame))
        name, likeness = HINT, ""
        if state.photo is not None and status.scene is not None:
            name = photo_name(state.photo, status.scene)
            likeness = likeness_text(session.result(PHOTO), state.photo)
        dpg.set_value(self._photo, name)
        dpg.set_value(self._likeness, likeness)

    def _ask(self, frame: Frame | None) -> None:
        """Ask about each new frame, and again after the panel was out of sight."""
        if frame is not self._asked or self._context.returned:
            self._asked = frame
            self._context.session.ask(PHOTO, None if frame is None else frame.request)

    def _compare(self, what: Compare) -> None:
        state = self._context.state
        if what is Compare.SETTINGS and state.other is None:
            state.keep_as_a()
        if what is Compare.RUN and not state.runs:
            self._context.say(NO_FORMER)
        state.set_view(compare=what)

    def _swap(self) -> None:
        if self._context.state.other is None:
            self._context.say("There is no A to swap with yet: press Keep as A first.")
        self._context.state.swap()

    def _slider(self, name: str) -> tuple[ui.Item, SettingSlider, str]:
        with ui.group() as group:
            change = lambda value: self._context.state.set_view(**{name: value})  # noqa: E731
            slider = SettingSlider(self._context, f"view.{name}", settings_of(ViewSettings)[name], change)
        return group, slider, name

    def _build_table(self) -> None:
        """All rows are made at once, and shown when there is something in them."""
        with ui.table(tag="compare.table", header_row=False, policy=dpg.mvTable_SizingStretchProp, pad_outerX=False):
            for share in (0.4, 0.3, 0.3):
                dpg.add_table_column(init_width_or_weight=share)
            with ui.table_row():
                for name, color in (("", DIM), ("A", ACCENT), ("B", SECOND)):
                    dpg.bind_item_font(dpg.add_text(name, color=color), self._context.style.strong)
            self._cells = []
            for _ in range(MOST_ROWS):
                with ui.table_row(show=False) as row:
                    self._cells.append((row, dpg.add_text(color=DIM), dpg.add_text(), dpg.add_text()))

    def _show_rows(self, rows: list[tuple[str, str, str]]) -> None:
        if rows == self._rows:
            return
        self._rows = rows
        dpg.configure_item("compare.table", show=bool(rows))
        for index, (row, *cells) in enumerate(self._cells):
            dpg.configure_item(row, show=index < len(rows))
            for cell, text in zip(cells, rows[index] if index < len(rows) else ("", "", ""), strict=True):
                dpg.set_value(cell, text)


def rows(state: ViewState, status: Status, frame: Frame | None) -> list[tuple[str, str, str]]:
    """The settings in which A and B differ, and what their pictures cost: name, A, B."""
    if state.comparing is Compare.RUN and status.former is not None and status.scene is not None:
        found = [("Method", status.former.title, title_of(status.scene.method))]
        found.append(("Step", f"{status.former.step}", f"{status.step}"))
    elif state.other is None:
        return []
    else:
        found = [(d.setting.label or "Crop box", d.first, d.second) for d in differing(state.other, state.march)]
    if frame is not None and frame.comparison is not None:
        found += [(name, text(frame.comparison.stats), text(frame.stats)) for name, text in COSTS.items()]
    return found


def between_text(state: ViewState, frame: Frame | None) -> str:
    """How much A's and B's pictures differ, or what to do to see it."""
    if state.view.compare is Compare.RUN and not state.runs:
        return NO_FORMER
    with_run = state.comparing is Compare.RUN
    if state.other is None and not with_run:
        return "There is no A yet. Press Keep as A, then change a threshold."
    if state.comparing is not Compare.SETTINGS and not with_run:
        return "A is kept. Choose A and B to compare it with the present settings."
    if frame is None or frame.comparison is None:
        return DASH
    found, stats = frame.comparison, frame.stats
    size = f", at {stats.rendered_width} {TIMES} {stats.rendered_height} px" if frame.reason else ""
    if math.isinf(found.psnr):
        return f"A and B give the same picture{size}"
    return f"A to B: {errors_text(found.psnr, found.largest, 1)}{size}"


def photo_name(photo: PhotoId, scene: SceneInfo) -> str:
    """The view that the camera stands on, as text."""
    n = scene.n_train if photo.split is Split.TRAIN else scene.n_test
    return f"On {'training' if photo.split is Split.TRAIN else 'test'} view {photo.index + 1} of {n}"


def likeness_text(found: Difference | None, photo: PhotoId) -> str:
    """How close the present settings come to the photo, and which share of its pixels was compared."""
    if found is None or found.photo != photo:
        return "Against its photo: measured once the camera rests."
    share = "all its pixels" if found.share >= 1.0 else f"{100.0 * found.share:.2g} % of its pixels"
    return f"Against its photo: {errors_text(found.psnr, found.largest, 0)}, {share}"


PANEL = ComparePanel
