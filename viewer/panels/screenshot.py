"""Screenshots: a button, and options for their size, background and folder."""

import dearpygui.dearpygui as dpg

from viewer.protocol.requests import ScreenshotRequest
from viewer.widgets import floating, ui
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.style import DIM, TIMES
from viewer.widgets.widgets import button, label, tooltip

LARGEST = 8192
FOLDER = "screenshots"
WIDTH = 300
"""The window's least width, at scale 1."""


class ScreenshotPanel:
    """A small window with the options, under the toolbar's button."""

    window = "shot.window"

    def __init__(self, context: Context, canvas: Canvas):
        self._context, self._canvas = context, canvas
        style = context.style
        with floating.window(self.window, (style.px(WIDTH), 40)):
            dpg.bind_item_font(dpg.add_text("Screenshot"), style.title)
            with ui.group(horizontal=True):
                label("Size", style, width=80)
                dpg.add_radio_button(
                    ["as shown", "chosen"], default_value="as shown", horizontal=True, tag="shot.size",
                    callback=lambda _, v: dpg.configure_item("shot.chosen", show=v == "chosen"),
                )  # fmt: skip
            with ui.group(horizontal=True, show=False, tag="shot.chosen"):
                label("", style, width=80)
                for tag, value in (("shot.width", 1920), ("shot.height", 1080)):
                    dpg.add_input_int(
                        tag=tag, default_value=value, width=style.px(76), step=0, min_value=16, max_value=LARGEST,
                        min_clamped=True, max_clamped=True,
                    )  # fmt: skip
                    dpg.add_text(TIMES if tag == "shot.width" else "px", color=DIM)
                    context.inputs.append(tag)
            with ui.group(horizontal=True):
                label("Background", style, width=80)
                item = dpg.add_checkbox(label="transparent", tag="shot.transparent")
                tooltip(item, "Save the picture's opacity as alpha, without the background colour.", style)
            with ui.group(horizontal=True):
                label("Folder", style, width=80)
                dpg.add_input_text(tag="shot.folder", default_value=FOLDER, width=style.px(200))
            context.inputs.append("shot.folder")
            dpg.add_spacer(height=style.px(4))
            with ui.group(horizontal=True):
                item = button("Take it", style, self.take, "F12 takes it with these settings at any time.",
                              tag="shot.take", width=style.px(100))  # fmt: skip
                dpg.bind_item_theme(item, style.chosen)
                button("Close", style, self.toggle, width=style.px(80))
        dpg.bind_item_theme(self.window, style.card)

    def toggle(self) -> None:
        floating.toggle(self.window)

    def hide(self) -> None:
        dpg.configure_item(self.window, show=False)

    def place(self) -> None:
        """Stay under the toolbar, at the picture's right edge."""
        floating.put_under_toolbar(self.window, self._canvas.rect, self._context.style, WIDTH)

    def take(self) -> None:
        """Ask the session for a picture of the present view; a toast then names its file."""
        width, height = self._canvas.rect.width, self._canvas.rect.height
        if dpg.get_value("shot.size") == "chosen":
            width, height = dpg.get_value("shot.width"), dpg.get_value("shot.height")
        view = self._context.state.current(width, height)
        if view is None:
            self._context.say("There is nothing to take a picture of yet: open a dataset first.")
            return
        folder = dpg.get_value("shot.folder").strip() or FOLDER
        self._context.session.screenshot(ScreenshotRequest(view, folder, dpg.get_value("shot.transparent")))
