"""The timeline of a flight as a drawing: times, keys that are dragged, holds, and where the flight is."""

import math
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from core.flights.curve import Flight
from viewer.state.flight_draft import FlightDraft
from viewer.state.timeline import REACH, Timeline
from viewer.widgets import ui
from viewer.widgets.style import ACCENT, DIM, FRAME, LINE, ON_ACCENT, SECOND, TEXT, Style

HEIGHT, MARGIN = 46, 14
"""At scale 1, in pixels."""


class TimelineBar:
    """A drawing that is as wide as its panel; built inside it.

    Args:
        tag: the drawing's.
        scrub: called with the seconds to go to.
    """

    def __init__(self, tag: str, style: Style, scrub: Callable[[float], None]):
        self._tag, self._style, self._scrub = tag, style, scrub
        self._shown: tuple = ()
        self._grabbed: int | None = None
        self._held, self._pressed_at = False, 0.0
        with ui.drawlist(style.px(100), style.px(HEIGHT), tag=tag):
            self._layer = dpg.add_draw_layer()

    def update(self, draft: FlightDraft, width: int) -> None:
        """Follow the mouse and the draft.

        Args:
            width: to take, in pixels.
        """
        flight = draft.flight
        line = Timeline(1.0 if flight is None else flight.seconds, width, self._style.px(MARGIN))
        if flight is not None:
            self._follow_mouse(draft, line, tuple(float(arrival) for arrival in flight.arrivals))
            flight = draft.flight
            line = Timeline(1.0 if flight is None else flight.seconds, width, self._style.px(MARGIN))
        shown = (draft.path, draft.selected, round(line.x_of(draft.position)), width)
        if shown != self._shown:
            self._shown = shown
            dpg.configure_item(self._tag, width=width)
            dpg.delete_item(self._layer, children_only=True)
            self._draw(draft, flight, line)

    def _follow_mouse(self, draft: FlightDraft, line: Timeline, arrivals: tuple[float, ...]) -> None:
        """A press near a key takes that key, elsewhere the position; a key moves once it is dragged."""
        down = dpg.is_mouse_button_down(0)
        x = dpg.get_mouse_pos(local=False)[0] - dpg.get_item_rect_min(self._tag)[0]
        if not down:
            if self._held:
                draft.settle()
            self._held, self._grabbed = False, None
            return
        if not self._held:
            if not (dpg.is_item_hovered(self._tag) and dpg.is_mouse_button_clicked(0)):
                return
            self._held, self._pressed_at = True, x
            self._grabbed = line.key_at(x, arrivals, self._style.px(REACH))
            if self._grabbed is not None:
                draft.selected = self._grabbed
                self._scrub(arrivals[self._grabbed])
        if self._grabbed is None:
            self._scrub(line.seconds_at(x))
        elif self._grabbed > 0 and abs(x - self._pressed_at) > self._style.px(3):
            draft.drag_key(self._grabbed, line.dragged_to(x))
            self._pressed_at = -math.inf  # it is a drag from now on

    def _draw(self, draft: FlightDraft, flight: Flight | None, line: Timeline) -> None:
        px, parent = self._style.px, self._layer
        middle, width = px(30), line.width
        dpg.draw_rectangle((0, 0), (width, px(HEIGHT)), color=FRAME, fill=FRAME, rounding=px(4), parent=parent)
        dpg.draw_line((line.margin, middle), (width - line.margin, middle), color=LINE, thickness=px(3), parent=parent)
        if flight is None:
            return
        for tick in line.ticks():
            x = line.x_of(tick)
            dpg.draw_line((x, px(14)), (x, px(20)), color=DIM, parent=parent)
            if x + px(34) < width:
                dpg.draw_text((x + px(3), px(2)), f"{tick:g} s", size=px(12), color=DIM, parent=parent)
        for i, (key, arrival) in enumerate(zip(draft.path.keys, flight.arrivals, strict=True)):
            x, size = line.x_of(float(arrival)), px(7)
            color = ACCENT if i == draft.selected else SECOND
            if key.hold > 0.0:
                end = line.x_of(float(arrival) + key.hold)
                dpg.draw_line((x, middle), (end, middle), color=color, thickness=px(5), parent=parent)
            corners = [[x - size, middle], [x, middle - size], [x + size, middle], [x, middle + size]]
            dpg.draw_polygon([*corners, corners[0]], color=color, fill=color, parent=parent)
            if len(draft.path.keys) <= 30:
                number = str(i + 1)
                dpg.draw_text((x - px(3) * len(number), middle - px(6)), number, size=px(12), color=ON_ACCENT,
                              parent=parent)  # fmt: skip
        x = line.x_of(draft.position)
        dpg.draw_line((x, px(2)), (x, px(HEIGHT - 2)), color=TEXT, thickness=px(2), parent=parent)
