"""The row that edits one key of a flight: its place, field of view, time and hold."""

import math
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.state.flight_draft import FlightDraft
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.style import DIM
from viewer.widgets.widgets import button, plain, tooltip


class KeyEditor:
    """Built inside a panel; hidden while no key is selected.

    Args:
        draft: returns the draft with the keys.
        edit: makes a change that may be out of range.
    """

    def __init__(
        self, context: Context, draft: Callable[[], FlightDraft], edit: Callable[[Callable[[], object]], None]
    ):
        self._context, self._draft, self._edit = context, draft, edit
        style = context.style
        with ui.group(show=False) as self._group:
            with ui.group(horizontal=True, horizontal_spacing=style.px(6)):
                for axis, name in enumerate("xyz"):
                    self._number(name, lambda value, axis=axis: draft().move_key(axis, value), 54)
                self._number("fov", lambda value: draft().change_key(fov_y=math.radians(value)), 44)
                self._number("hold", lambda value: draft().change_key(hold=value), 38)
                self._time = self._number("time", lambda value: draft().change_key(time=value), 46)
            with ui.group(horizontal=True, horizontal_spacing=style.px(6)):
                self._title = dpg.add_text("")
                button("Set to view", style, self._place, "Move the key to the picture's view.", tag="flight.key.set")
                button("Earlier", style, lambda: draft().reorder_key(-1), "Exchange it with the key before.")
                button("Later", style, lambda: draft().reorder_key(1), "Exchange it with the key behind.")
                button("Delete", style, lambda: draft().remove_key(), "Take the key away. Ctrl+Z brings it back.",
                       tag="flight.key.delete")  # fmt: skip
                button("Deselect", style, self._deselect, "New keys are appended to the path.")

    def _number(self, name: str, change: Callable[[float], object], width: int) -> ui.Item:
        tag = f"flight.key.{name}"
        with ui.group(horizontal=True, horizontal_spacing=self._context.style.px(3)) as group:
            dpg.add_text(name, color=DIM)
            dpg.add_input_float(
                tag=tag, width=self._context.style.px(width), step=0, format="%.4g", on_enter=True,
                callback=lambda _, value: self._edit(lambda: change(plain(value))),
            )  # fmt: skip
        tips = {"fov": "Vertical field of view, in degrees.", "hold": "Seconds for which the camera stands still here.",
                "time": "The scene's time, 0 to 1."}  # fmt: skip
        tooltip(tag, tips.get(name, f"The camera's {name}, in the dataset's units."), self._context.style)
        self._context.inputs.append(tag)
        return group

    def update(self) -> None:
        """Show the selected key."""
        draft = self._draft()
        index = draft.selected
        dpg.configure_item(self._group, show=index is not None)
        if index is None:
            return
        key = draft.path.keys[index]
        values = dict(zip("xyz", key.position.tolist(), strict=True))
        values |= {"fov": math.degrees(key.fov_y), "hold": key.hold, "time": key.time or 0.0}
        for name, value in values.items():
            if not dpg.is_item_active(f"flight.key.{name}"):
                dpg.set_value(f"flight.key.{name}", value)
        dpg.configure_item(self._time, show=key.time is not None)
        dpg.set_value(self._title, f"Key {index + 1} of {len(draft.path.keys)}")

    def _place(self) -> None:
        pose = self._context.state.pose
        if pose is not None:
            self._edit(lambda: self._draft().place_key(pose))

    def _deselect(self) -> None:
        self._draft().selected = None
