"""The help: what keys and mouse do."""

import dearpygui.dearpygui as dpg

from viewer.widgets import floating, ui
from viewer.widgets.canvas import Rect
from viewer.widgets.style import ACCENT, DIM, Style
from viewer.widgets.widgets import button

SECTIONS = {
    "Mouse on the picture": (
        ("Left drag", "orbit"),
        ("Right or middle drag", "pan"),
        ("Wheel", "zoom to the cursor"),
        ("Left drag on the divider", "move it (panel Compare)"),
        ("Left drag on a handle", "move the box's face (panel Scene)"),
        ("Hold I, left click", "inspect a pixel's ray"),
    ),
    "Camera": (
        ("W  S  A  D", "fly forward, back, left, right"),
        ("E  Q", "fly up, down"),
        ("R", "back to the first view"),
        ("[   ]", "previous, next training view"),
        ("T", "play or stop the time of a scene that moves"),
        ("K", "place a key of the flight at this view"),
        ("Ctrl+Z  Ctrl+Shift+Z", "undo, redo edits of the flight"),
    ),
    "Program": (
        ("Space", "pause or resume training"),
        ("1 to 6", "colour, opacity, light left, depth, half depth, samples"),
        ("F12", "screenshot"),
        ("F11", "full screen"),
        ("Tab", "hide or show all panels"),
        ("Ctrl+O", "open a scene"),
        ("Ctrl+Q", "quit"),
        ("F1", "this help"),
        ("Esc", "close the windows over the picture"),
    ),
}


class HelpPanel:
    """A card in the middle of the picture."""

    window = "help.window"

    def __init__(self, style: Style):
        with floating.window(self.window, (style.px(420), 40)):
            dpg.bind_item_font(dpg.add_text("Keys and mouse"), style.title)
            for section, rows in SECTIONS.items():
                dpg.add_spacer(height=style.px(2))
                caption = dpg.add_text(section, color=DIM)
                dpg.bind_item_font(caption, style.small)
                with ui.table(header_row=False, policy=dpg.mvTable_SizingFixedFit, pad_outerX=False):
                    dpg.add_table_column(width_fixed=True, init_width_or_weight=style.px(160))
                    dpg.add_table_column(width_stretch=True)
                    for keys, meaning in rows:
                        with ui.table_row():
                            dpg.bind_item_font(dpg.add_text(keys, color=ACCENT), style.strong)
                            dpg.add_text(meaning)
            dpg.add_spacer(height=style.px(6))
            button("Close", style, self.toggle, width=style.px(90))
        dpg.bind_item_theme(self.window, style.card)

    def toggle(self) -> None:
        floating.toggle(self.window)

    def hide(self) -> None:
        dpg.configure_item(self.window, show=False)

    def place(self, rect: Rect) -> None:
        """Stay in the middle of the picture."""
        floating.center(self.window, rect)
