"""What is drawn over the picture, its background, and the field of view."""

import dearpygui.dearpygui as dpg

from core.config.setting import settings_of
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.protocol.view_settings import DEFAULTS, OVERLAYS, Tint, ViewSettings
from viewer.state.command import opened_view
from viewer.state.dock_layout import Area
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.setting_slider import SettingSlider
from viewer.widgets.widgets import SettingCombo, label, tooltip

SLIDERS = ("tint_strength", "fov")
TINTS = {Tint.OPACITY: "opacity", Tint.TRANSMITTANCE: "transmittance left", Tint.HALF_DEPTH: "depth at half the light"}
BACKGROUNDS = {"White": (1.0, 1.0, 1.0), "Black": (0.0, 0.0, 0.0)}


class ViewPanel(Panel):
    """What is drawn over the picture and behind it."""

    tag, title = "view", "View"
    area, shown = Area.SIDE, True

    def __init__(self, context: Context):
        super().__init__(context)
        self._serial, self._home = 0, DEFAULTS
        style, settings = context.style, settings_of(ViewSettings)
        self._tint = SettingCombo(context, "view.tint", settings["tint"], TINTS, self._setter("tint"))
        self._sliders = {
            name: SettingSlider(context, f"view.{name}", settings[name], self._setter(name)) for name in SLIDERS
        }
        with ui.group(horizontal=True):
            for name in OVERLAYS:
                item = dpg.add_checkbox(
                    label=settings[name].label, tag=f"view.{name}", user_data=name,
                    callback=lambda _, on, name: context.state.set_view(**{name: on}),
                )  # fmt: skip
                tooltip(item, settings[name].documentation, style)
        with ui.group(horizontal=True):
            name = label(settings["background"].label, style)
            swatch = dpg.add_color_button(tag="view.swatch", no_alpha=True, no_border=True, no_drag_drop=True)
            # The picker has no number fields: typing into them would also trigger shortcuts.
            with ui.popup(swatch, mousebutton=dpg.mvMouseButton_Left):
                dpg.add_color_picker(
                    tag="view.background",
                    width=style.px(180),
                    no_alpha=True,
                    no_inputs=True,
                    no_side_preview=True,
                    callback=lambda: self._paint(dpg.get_value("view.background")),
                )
            context.handles.append("view.background")
            for text, color in BACKGROUNDS.items():
                dpg.add_button(
                    label=text,
                    width=-1 if text == "Black" else style.px(66),
                    user_data=color,
                    callback=lambda _, __, color: context.state.set_view(background=color),
                )
            tooltip(name, settings["background"].documentation, style)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the settings."""
        view = self._context.state.view
        if status.scene is not None and status.scene_serial != self._serial:
            self._serial, self._home = status.scene_serial, opened_view(status.scene)
        for name, slider in self._sliders.items():
            slider.show(getattr(view, name), getattr(self._home, name))
        for name in OVERLAYS:
            dpg.set_value(f"view.{name}", getattr(view, name))
        color = [255.0 * c for c in view.background]
        dpg.set_value("view.swatch", color)
        if not dpg.is_item_active("view.background"):
            dpg.set_value("view.background", color)
        self._tint.show(view.tint)

    def _setter(self, name: str):
        return lambda value: self._context.state.set_view(**{name: value})

    def _paint(self, color: list[float]) -> None:
        """Set the background to a colour with values from 0 to 255."""
        self._context.state.set_view(background=tuple(min(1.0, max(0.0, c / 255.0)) for c in color[:3]))


PANEL = ViewPanel
