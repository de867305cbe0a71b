"""The menu Panels: a small card under the toolbar's button that opens and closes panels."""

import dearpygui.dearpygui as dpg

from viewer.widgets import floating
from viewer.widgets.canvas import Canvas
from viewer.widgets.dock import Dock
from viewer.widgets.style import Style
from viewer.widgets.widgets import button

WIDTH = 200
"""The window's least width, at scale 1."""


class PanelsMenu:
    """A tick box for each panel, and a button that resets the layout."""

    window = "panels.window"

    def __init__(self, dock: Dock, canvas: Canvas, style: Style):
        self._dock, self._canvas, self._style = dock, canvas, style
        with floating.window(self.window, (style.px(WIDTH), 40)):
            dpg.bind_item_font(dpg.add_text("Panels"), style.title)
            for panel in dock.panels:
                dpg.add_checkbox(
                    label=panel.title, tag=f"panels.{panel.tag}", user_data=panel.tag,
                    callback=lambda _, on, tag: dock.open(tag) if on else dock.close(tag),
                )  # fmt: skip
            dpg.add_spacer(height=style.px(4))
            button("Reset layout", style, dock.forget, "Put all panels back in their first places at the next start.",
                   tag="panels.forget", width=-1)  # fmt: skip
            button("Close", style, self.toggle, width=-1)
        dpg.bind_item_theme(self.window, style.card)

    def toggle(self) -> None:
        floating.toggle(self.window)

    def hide(self) -> None:
        dpg.configure_item(self.window, show=False)

    def place(self) -> None:
        """Stay under the toolbar, at the picture's right edge; tick the open panels."""
        floating.put_under_toolbar(self.window, self._canvas.rect, self._style, WIDTH)
        for panel in self._dock.panels:
            dpg.set_value(f"panels.{panel.tag}", self._dock.is_open(panel.tag))
