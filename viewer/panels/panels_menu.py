"""The menu Panels: a small card under the toolbar's button that opens and closes panels."""

import dearpygui.dearpygui as dpg

from viewer.widgets.canvas import Canvas
from viewer.widgets.dock import Dock
from viewer.widgets.style import Style
from viewer.widgets.widgets import button, floating


class PanelsMenu:
    """A tick box for each panel, and a button that resets the layout."""

    window = "panels.window"

    def __init__(self, dock: Dock, canvas: Canvas, style: Style):
        self._dock, self._canvas, self._style = dock, canvas, style
        with floating(self.window, (style.px(200), 40)):
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
        dpg.configure_item(self.window, show=not dpg.is_item_shown(self.window))

    def hide(self) -> None:
        dpg.configure_item(self.window, show=False)

    def place(self) -> None:
        """Stay under the toolbar, at the picture's right edge; tick the open panels."""
        rect, px = self._canvas.rect, self._style.px
        width = dpg.get_item_rect_size(self.window)[0] or px(200)
        dpg.set_item_pos(self.window, [max(0, rect.x + rect.width - width - px(8)), rect.y + px(8)])
        for panel in self._dock.panels:
            dpg.set_value(f"panels.{panel.tag}", self._dock.is_open(panel.tag))
