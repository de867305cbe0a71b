"""The bar at the upper edge: the scene's name, and buttons for opening, modes, screenshots, panels and help."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from core.config.setting import settings_of
from viewer.picture.modes import mode_of
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Mode, ViewSettings
from viewer.widgets import ui
from viewer.widgets.bar import bar
from viewer.widgets.context import Context
from viewer.widgets.style import DIM, TIMES
from viewer.widgets.widgets import button, tooltip


class Toolbar:
    """A docked window along the upper edge."""

    window = "toolbar"

    def __init__(
        self,
        context: Context,
        open_scene: Callable[[], None],
        take_screenshot: Callable[[], None],
        screenshot_options: Callable[[], None],
        export_menu: Callable[[], None],
        panels_menu: Callable[[], None],
        show_help: Callable[[], None],
    ):
        self._context = context
        self._shown_mode: Mode | None = None
        style = context.style
        with bar(self.window):
            with ui.group(horizontal=True, tag="toolbar.left"):
                button("Open…", style, open_scene, "Open a dataset, photos, a video, a snapshot (Ctrl+O).", tag="open")
                dpg.add_spacer(width=style.px(4))
                name = dpg.add_text("Firstlight", tag="scene.name")
                dpg.bind_item_font(name, style.strong)
                dpg.add_text("", tag="scene.summary", color=DIM)
            with ui.group(horizontal=True, tag="toolbar.right", horizontal_spacing=style.px(2)):
                for mode in Mode:
                    item = dpg.add_button(
                        label=mode_of(mode).label, tag=f"mode.{mode.value}", user_data=mode,
                        callback=lambda _, __, mode: context.state.set_view(mode=mode),
                    )  # fmt: skip
                    key = list(Mode).index(mode) + 1
                    tooltip(item, f"{settings_of(ViewSettings)['mode'].documentation} Key {key}.", style)
                dpg.add_spacer(width=style.px(10))
                button("Screenshot", style, take_screenshot, "Save the picture as a PNG file (F12).", tag="screenshot")
                button("…", style, screenshot_options, "Size, background and folder of screenshots.",
                       tag="screenshot.options", width=style.px(26))  # fmt: skip
                button("Export", style, export_menu, "Take it with you: a film of a flight.", tag="export")
                dpg.add_spacer(width=style.px(10))
                button("Panels", style, panels_menu, "Open and close panels.", tag="panels")
                button("?", style, show_help, "Keys and mouse (F1).", tag="help", width=style.px(28))
        dpg.bind_item_theme(self.window, style.bar)

    def place(self) -> None:
        """Keep the right group at the right edge."""
        width = dpg.get_item_rect_size(self.window)[0]
        size = dpg.get_item_rect_size("toolbar.right")[0]
        if size > 0:
            dpg.set_item_pos("toolbar.right", [width - size - self._context.style.px(12), self._context.style.px(8)])

    def update(self, status: Status) -> None:
        """Show the scene's name, and which mode is chosen."""
        dpg.set_value("scene.name", status.scene.name if status.scene else "No scene")
        dpg.set_value("scene.summary", summary(status.scene) if status.scene else "")
        mode = self._context.state.view.mode
        if mode != self._shown_mode:
            self._shown_mode = mode
            style = self._context.style
            for other in Mode:
                dpg.bind_item_theme(f"mode.{other.value}", style.chosen if other == mode else style.plain)


def summary(scene: SceneInfo) -> str:
    """One line about a scene."""
    held_out = f", {scene.n_test} held out" if scene.n_test else ""
    size = f"{'up to ' if scene.sizes is not None else ''}{scene.image_width} {TIMES} {scene.image_height} px"
    return f"{scene.n_train} training views{held_out}  ·  {size}"
