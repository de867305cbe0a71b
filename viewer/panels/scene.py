"""The scene's place: its box, in numbers and with handles in the picture, its levels, near plane and up."""

from collections.abc import Callable
from typing import Any

import dearpygui.dearpygui as dpg

from core.geometry.boxes import sides_of
from core.geometry.placement import MOST_LEVELS, Place, next_up, up_text
from viewer.input.handles import REACH, BoxDrag, handles, under_cursor
from viewer.picture.projection import Projection
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.state.dock_layout import Area
from viewer.state.placement_draft import Draft
from viewer.tools.fit import FIT, Fit, FitQuestion
from viewer.widgets import ui
from viewer.widgets.box_handles import BoxHandles
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel, Pointer
from viewer.widgets.style import ALARM, DIM
from viewer.widgets.widgets import NUMBER_HELP, button, label, plain, tooltip

WIDTH = 318
"""The width of a row, at scale 1."""

BOX_HELP = (
    "Where the box begins and ends along this axis, in the units of the camera positions. Its inside is learnt in the "
    "finest detail."
)
LEVELS_HELP = (
    "The number of nested boxes, each twice as large as the one before. One suits an object in front of an empty "
    "background, four to six suit a room or an outdoor scene."
)
NEAR_HELP = "Training's near plane: nothing is learnt nearer to a camera than this, which keeps fog off the lenses."
UP_HELP = "The direction that is upwards, about which the camera orbits. Changing it keeps everything that is learnt."


class ScenePanel(Panel):
    """The scene's place in numbers. While it is in sight, the box has handles in the picture."""

    tag, title = "place", "Scene"
    area, shown = Area.SIDE, True
    tools = (FIT,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._draft, self._drag = Draft(), BoxDrag()
        self._fits = 0
        self._sight: Projection | None = None
        self._marked: int | None = None
        style = context.style
        self._build_box()
        self._levels = self._number(
            "Levels", "", LEVELS_HELP, "place.levels", dpg.add_slider_int, min_value=1, max_value=MOST_LEVELS,
            clamped=True, callback=lambda _, n: self._draft.set(n_levels=n),
        )  # fmt: skip
        dpg.bind_item_theme(self._levels, style.written)
        self._number(
            "Near plane", "units", NEAR_HELP, "place.near", dpg.add_drag_float, format="%.4g", min_value=0.0,
            max_value=1e9, callback=lambda _, value: self._draft.set(near_plane=plain(value)),
        )  # fmt: skip
        with ui.group(horizontal=True, horizontal_spacing=style.px(4)):
            tooltip(label("Up", style), UP_HELP, style)
            button("Turn up axis", style, self._turn_up, f"{UP_HELP} The order is +x, -x, +y, -y, +z, -z.",
                   tag="place.turn", width=style.px(96))  # fmt: skip
            self._up = dpg.add_text("", tag="place.up")
        self._reach = dpg.add_text("", color=DIM, wrap=style.px(WIDTH), tag="place.reach")
        dpg.bind_item_font(self._reach, style.small)
        self._build_buttons()
        self._state_text = dpg.add_text("", wrap=style.px(WIDTH), tag="place.state")
        with ui.draw_layer(parent="picture") as layer:
            pass
        self._handles = BoxHandles(layer, style)

    def _build_box(self) -> None:
        style = self._context.style
        widths = [style.px(width) for width in (46, 96, 96)]
        with ui.table(header_row=False, policy=dpg.mvTable_SizingFixedFit, pad_outerX=False):
            for width in widths:
                dpg.add_table_column(init_width_or_weight=width, width_fixed=True)
            dpg.add_table_column(width_stretch=True)
            with ui.table_row():
                for text in ("Box", "from, units", "to, units", "side"):
                    dpg.add_text(text, color=DIM)
            self._sides = []
            for axis, name in enumerate("xyz"):
                with ui.table_row():
                    tooltip(label(name, style, 40), BOX_HELP, style)
                    for index in (axis, axis + 3):
                        item = dpg.add_drag_float(
                            tag=f"place.box.{index}", width=-1, format="%.5g", user_data=index,
                            callback=lambda _, value, index: self._draft.set_number(index, plain(value)),
                        )  # fmt: skip
                        self._typed(item)
                    self._sides.append(dpg.add_text(""))

    def _number(
        self, text: str, unit: str, tip: str, tag: str, make: Callable[..., ui.Item], **options: Any
    ) -> ui.Item:
        """A row with a label and a number."""
        style = self._context.style
        with ui.group(horizontal=True, horizontal_spacing=style.px(4)):
            tooltip(label(text, style, unit=unit), tip, style)
            item = make(tag=tag, width=-1, **options)
        self._typed(item)
        return item

    def _typed(self, item: int | str) -> None:
        """Let numbers be typed into a widget: meanwhile keys are no shortcuts."""
        self._context.inputs.append(item)
        tooltip(item, NUMBER_HELP, self._context.style)

    def _build_buttons(self) -> None:
        style, draft = self._context.style, self._draft
        third, half = style.px((WIDTH - 16) // 3), style.px((WIDTH - 8) // 2)
        with ui.group(horizontal=True):
            button("Fit", style, self._fit, "Find a box, levels, near plane and up from the photos' silhouettes, "
                   "the known points and the cameras.", tag="place.fit", width=third)  # fmt: skip
            button("Larger", style, draft.larger, "Lengthen the box's sides by a quarter about its centre.",
                   tag="place.larger", width=third)  # fmt: skip
            button("Smaller", style, draft.smaller, "Shorten the box's sides by a fifth about its centre.",
                   tag="place.smaller", width=third)  # fmt: skip
        with ui.group(horizontal=True):
            self._train = button(
                "Train in this box", style, self._train_in, "Train from the start in this place. Everything learnt so "
                "far is lost unless you save it first.", tag="place.train", width=half,
            )  # fmt: skip
            button("Revert", style, draft.revert, "Back to the place in use.", tag="place.revert",
                   width=half)  # fmt: skip

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the edited place."""
        draft = self._draft
        draft.follow(None if status.scene is None else status.scene.place)
        self._take_fit()
        place = draft.place
        if place is not None:
            self._show(place)
        dpg.set_value(self._state_text, draft.state_text())
        dpg.configure_item(self._state_text, color=ALARM if draft.problem else DIM)
        ready = draft.changed and not draft.problem
        dpg.configure_item(self._train, enabled=ready)
        dpg.bind_item_theme(self._train, self._context.style.chosen if ready else self._context.style.plain)

    def _show(self, place: Place) -> None:
        sides = sides_of(place.box)
        speed = 0.002 * max(1e-6, *map(abs, sides))
        for index, value in enumerate(place.box):
            self._follow(f"place.box.{index}", value, speed)
        self._follow("place.near", place.near_plane, 0.5 * speed)
        if not dpg.is_item_active("place.levels"):
            dpg.set_value("place.levels", place.n_levels)
        for item, side in zip(self._sides, sides, strict=True):
            dpg.set_value(item, f"{side:.4g}")
        dpg.set_value(self._up, up_text(place.up))
        dpg.set_value(self._reach, self._draft.reach_text())

    def _follow(self, item: str, value: float, speed: float) -> None:
        if not dpg.is_item_active(item):
            dpg.set_value(item, value)
            dpg.configure_item(item, speed=speed)

    def grabs(self, pointer: Pointer, canvas: Canvas) -> bool:
        """Whether the left button pulls a handle now. See `Panel.grabs`."""
        draft, rect = self._draft, canvas.rect
        if self._sight is None or draft.place is None:
            self._marked = self._drag.face = None
            return False
        at, reach = (pointer.x - rect.x, pointer.y - rect.y), self._context.style.px(REACH)
        draft.set(box=self._drag.moved(draft.place.box, self._sight, pointer.down, *at, canvas.hovered, reach))
        held = self._drag.face is not None
        under = under_cursor(draft.place.box, self._sight, *at, reach) if canvas.hovered and not pointer.down else None
        self._marked = self._drag.face if held else None if under is None else under.face
        return held

    def tick(self, status: Status, frame: Frame | None, canvas: Canvas) -> None:
        """Draw the box and its handles over the picture while the panel is in sight."""
        self._sight = None
        if frame is not None and dpg.is_item_visible(f"panel.{self.tag}"):
            self._sight = Projection(frame.request.pose, *canvas.rect.size)
        self._handles.draw(self._sight, self._draft.trained, self._draft.place, self._marked)

    def log(self, canvas: Canvas) -> dict[str, Any]:
        """The places, and where the window shows the handles, by their face."""
        draft, rect = self._draft, canvas.rect
        shown = [] if self._sight is None or draft.place is None else handles(draft.place.box, self._sight)
        place = {
            "trained": None if draft.trained is None else draft.trained._asdict(),
            "edited": None if draft.place is None else draft.place._asdict(),
            "handles": {str(h.face): (round(rect.x + h.x), round(rect.y + h.y)) for h in shown},
        }
        return {"place": place}

    def _fit(self) -> None:
        session = self._context.session
        self._fits += 1
        session.ask(FIT, FitQuestion(self._fits, session.status.scene_serial))

    def _take_fit(self) -> None:
        """Take the result of the newest fit, once it comes, as the edited place."""
        found: Fit | None = self._context.session.result(FIT)
        if found is not None and found.number == self._fits:
            self._fits += 1
            trained = self._draft.trained
            turned = trained is not None and found.place.up != trained.up
            self._draft.take(found.place)
            self._context.session.turn_up(found.place.up, self._context.state.scene_serial)
            if not self._draft.changed:
                turn = " Only up was changed." if turned else ""
                self._context.say(f"The fit gives the place that is in use already.{turn}")

    def _turn_up(self) -> None:
        if self._draft.place is not None:
            self._context.session.turn_up(next_up(self._draft.place.up), self._context.state.scene_serial)

    def _train_in(self) -> None:
        if self._draft.place is not None and self._draft.changed and not self._draft.problem:
            self._context.session.train_in(self._draft.place, self._context.state.scene_serial)


PANEL = ScenePanel
