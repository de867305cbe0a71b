"""The menu Export: a button for each thing that can be taken out of the program, and what goes on in the background."""

from collections.abc import Mapping
from typing import Any

import dearpygui.dearpygui as dpg

from viewer.panels.exports import EXPORTS
from viewer.presentation.export_text import export_text
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.tools.export import EXPORT
from viewer.widgets import floating
from viewer.widgets.canvas import Canvas
from viewer.widgets.card import Card
from viewer.widgets.context import Context
from viewer.widgets.widgets import button

WIDTH = 170
"""The window's least width, at scale 1."""


class ExportMenu:
    """A card under the toolbar's button, and the cards that it opens."""

    window = "export.window"

    def __init__(self, context: Context, canvas: Canvas):
        self._context, self._canvas, style = context, canvas, context.style
        self._announced = 0
        self.cards: dict[str, Card] = {name: kind(context, canvas) for name, kind in EXPORTS.items()}
        with floating.window(self.window, (style.px(WIDTH), 40)):
            dpg.bind_item_font(dpg.add_text("Export"), style.title)
            for name, card in self.cards.items():
                button(f"{card.title}…", style, lambda name=name: self._show(name), card.tip, tag=f"export.{name}",
                       width=-1)  # fmt: skip
            button("Close", style, self.toggle, width=-1)
        dpg.bind_item_theme(self.window, style.card)

    def toggle(self) -> None:
        floating.toggle(self.window)

    def hide(self) -> None:
        """Hide the menu and its cards; what goes on in the background goes on."""
        dpg.configure_item(self.window, show=False)
        for card in self.cards.values():
            card.hide()

    def place(self) -> None:
        """Stay under the toolbar, at the picture's right edge."""
        floating.put_under_toolbar(self.window, self._canvas.rect, self._context.style, WIDTH)
        for card in self.cards.values():
            card.place()

    def update(self, status: Status, frame: Frame | None) -> None:
        """Let the cards show what is new, and say where a finished export lies."""
        for card in self.cards.values():
            card.update(status, frame)
        state = self._context.session.result(EXPORT)
        if state is not None and state.files and state.number != self._announced:
            self._announced = state.number
            self._context.say(f"Saved {', '.join(state.files)}")

    @property
    def text(self) -> str:
        """What goes on in the background, for the status line; "" if nothing does."""
        return export_text(self._context.session.result(EXPORT))

    def log(self) -> Mapping[str, Any]:
        """Entries for the status log."""
        state = self._context.session.result(EXPORT)
        if state is None:
            return {"export": None}
        return {"export": {"running": state.running, "done": state.done, "total": state.total, "files": state.files}}

    def _show(self, name: str) -> None:
        self.hide()
        self.cards[name].toggle()
