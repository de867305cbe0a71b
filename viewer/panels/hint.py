"""A hint over a picture without any sample: which setting empties it, and a button that resets that setting."""

import dearpygui.dearpygui as dpg

from viewer.protocol.frames import Frame
from viewer.protocol.requests import ViewRequest
from viewer.protocol.status import Status
from viewer.tools.emptied import EMPTIED, Emptied
from viewer.widgets import floating
from viewer.widgets.canvas import Rect
from viewer.widgets.context import Context
from viewer.widgets.style import DIM
from viewer.widgets.widgets import button


class Hint:
    """A small window in the middle of the picture, hidden while the picture isn't empty."""

    window = "hint.window"

    def __init__(self, context: Context):
        self._context = context
        self._asked: ViewRequest | None = None
        self._found: Emptied | None = None
        style = context.style
        with floating.window(self.window, (40, 20), takes_focus=False):
            dpg.add_text("", tag="hint.text", color=DIM)
            button("", style, self._put_back, tag="hint.back")
        dpg.bind_item_theme(self.window, style.card)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Find out why the picture of a trained scene is empty, and show it."""
        question = None
        if frame is not None and frame.stats.n_color == 0 and status.step > 0:
            question = frame.request
        if question != self._asked:
            self._asked = question
            self._context.session.ask(EMPTIED, question)
        found = self._context.session.result(EMPTIED)
        if question is None or found is None or not found.back or found.request.march != self._context.state.march:
            found = None
        dpg.configure_item(self.window, show=found is not None)
        if found is not None and found is not self._found:
            dpg.set_value("hint.text", found.sentence())
            dpg.configure_item("hint.back", label=found.offer())
        self._found = found

    def place(self, rect: Rect) -> None:
        """Stay in the middle of the picture."""
        floating.center(self.window, rect)

    def _put_back(self) -> None:
        if self._found is not None:
            self._context.state.set_march(**dict(self._found.back))
