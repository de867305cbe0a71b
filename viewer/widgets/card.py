"""A small window over the picture with one subject, such as an export's settings."""

from typing import ClassVar

import dearpygui.dearpygui as dpg

from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.widgets import floating
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.widgets import button


class Card:
    """The base of cards. A subclass has `tag`, `title` and `tip`, and builds its widgets in `build`.

    Attributes:
        tag: its window is the item `tag` + ".window".
        title: at its top, and in the menu.
        tip: explains it in the menu.
        width: the window's least width, at scale 1.
    """

    tag: ClassVar[str]
    title: ClassVar[str]
    tip: ClassVar[str]
    width: ClassVar[int] = 380

    def __init__(self, context: Context, canvas: Canvas):
        self._context, self._canvas = context, canvas
        style = context.style
        self.window = f"{self.tag}.window"
        with floating.window(self.window, (style.px(self.width), 40)):
            dpg.bind_item_font(dpg.add_text(self.title), style.title)
            self.build()
            button("Close", style, self.hide, tag=f"{self.tag}.close", width=style.px(80))
        dpg.bind_item_theme(self.window, style.card)

    def build(self) -> None:
        """Build the widgets between title and the button that closes it."""
        raise NotImplementedError

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show what is new; called for each frame of the window, shown or not."""

    @property
    def shown(self) -> bool:
        return bool(dpg.is_item_shown(self.window))

    def toggle(self) -> None:
        floating.toggle(self.window)

    def hide(self) -> None:
        dpg.configure_item(self.window, show=False)

    def place(self) -> None:
        """Stay under the toolbar, at the picture's right edge."""
        floating.put_under_toolbar(self.window, self._canvas.rect, self._context.style, self.width)
