"""A slider for one number in a settings dataclass, built from the setting's metadata."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from core.config.scale import Scale
from core.config.setting import Setting
from viewer.presentation.effective import Effect
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.style import ACCENT, DIM
from viewer.widgets.widgets import LABEL_WIDTH, button, label

VALUE_WIDTH, SWEEP_WIDTH = 66, 20

SLIDER_HELP = "Double-click to reset it. To enter a number, click the value, type and press Enter."


class SettingSlider:
    """Label, slider and a field with the value, for one number in a settings dataclass.

    The slider's own text entry is switched off: on a logarithmic scale it would edit the position, not the value. The
    text on the slider says what the value amounts to in this view.

    Args:
        tag: the slider's; the field's is `tag` + ".value".
        change: called with the new value; it raises ValueError to refuse it.
        sweep: called by a button behind the field, `tag` + ".sweep"; None leaves the button out.
        width: the label's, at scale 1.
    """

    def __init__(
        self,
        context: Context,
        tag: str,
        setting: Setting,
        change: Callable[[float], None],
        sweep: Callable[[], None] | None = None,
        width: int = LABEL_WIDTH,
    ):
        self._context, self._change = context, change
        self._scale = Scale(setting)
        self._slider, self._field = tag, f"{tag}.value"
        self._shown: float | None = None
        self._resetting = False
        self._effect: Effect | None = None
        self._enabled = True
        style = context.style
        behind = style.px(SWEEP_WIDTH + 4) if sweep else 0
        with ui.group(horizontal=True, horizontal_spacing=style.px(4)) as self._row:
            name = label(setting.label, style, width, setting.unit)
            dpg.add_slider_float(
                tag=self._slider, width=-style.px(VALUE_WIDTH + 4) - behind, max_value=1.0, format="", no_input=True,
                callback=lambda _, position: self._drag(position),
            )  # fmt: skip
            dpg.add_input_text(
                tag=self._field,
                width=style.px(VALUE_WIDTH) if sweep else -1,
                on_enter=True,
                auto_select_all=True,
                callback=lambda _, text: self._type(text),
            )
            self._parts: list[ui.Item] = [self._slider, self._field]
            if sweep:
                tip = "Sweep: show what each value costs and saves in this view."
                self._parts.append(button("~", style, sweep, tip, tag=f"{tag}.sweep", width=-1))
        dpg.bind_item_theme(self._slider, style.written)
        dpg.bind_item_font(self._slider, style.small)
        context.inputs.append(self._field)
        context.handles.append(self._slider)
        with ui.item_handler_registry() as clicks:
            dpg.add_item_double_clicked_handler(dpg.mvMouseButton_Left, callback=lambda: self._reset())
        self._sentences: list[ui.Item] = []
        self._helps: list[ui.Item] = []
        for item in (name, self._slider):
            dpg.bind_item_handler_registry(item, clicks)
            with ui.tooltip(item, delay=0.4):
                lines = [setting.documentation, setting.formula, *((f"In {setting.unit}.",) if setting.unit else ())]
                for line in filter(None, lines):
                    dpg.add_text(line, wrap=style.px(320))
                self._sentences.append(dpg.add_text("", wrap=style.px(320), color=ACCENT, show=False))
                self._helps.append(dpg.add_text(SLIDER_HELP, wrap=style.px(320), color=DIM))

    def show(
        self,
        value: float,
        home: float,
        effect: Effect | None = None,
        diagonal: float | None = None,
        enabled: bool = True,
    ) -> None:
        """Follow the setting's value.

        Args:
            home: the value that a double click restores.
            effect: what the value amounts to in this view.
            diagonal: the length of the scene's diagonal, for the slider's range.
            enabled: whether the value can be changed.
        """
        if enabled != self._enabled:
            self._enable(enabled)
        if self._resetting and not dpg.is_item_active(self._slider):
            self._resetting = False
            self._set(home)
            return
        if diagonal is not None and diagonal != self._scale.diagonal:
            self._scale, self._shown = Scale(self._scale.setting, diagonal), None
        if effect != self._effect:
            self._write(effect)
        if value == self._shown or dpg.is_item_active(self._field):
            return
        self._shown = value
        if not dpg.is_item_active(self._slider):
            dpg.set_value(self._slider, self._scale.position(value))
        dpg.set_value(self._field, self._scale.text(value))

    def _write(self, effect: Effect | None) -> None:
        self._effect = effect
        dpg.configure_item(self._slider, format=effect.short.replace("%", "%%") if effect else "")
        for item in self._sentences:
            dpg.configure_item(item, show=effect is not None)
            dpg.set_value(item, effect.sentence if effect else "")

    def _enable(self, enabled: bool) -> None:
        self._enabled = enabled
        for item in self._parts:
            dpg.configure_item(item, enabled=enabled)
        for item in self._helps:
            dpg.configure_item(item, show=enabled)
        dpg.bind_item_theme(self._row, 0 if enabled else self._context.style.disabled)
        dpg.bind_item_theme(self._slider, self._context.style.written if enabled else self._context.style.disabled)

    def _reset(self) -> None:
        """Begin a reset, which ends when the button is released: until then the slider keeps following the mouse."""
        self._resetting = self._enabled

    def _drag(self, position: float) -> None:
        if not self._resetting:
            self._set(self._scale.value(position))

    def _type(self, text: str) -> None:
        try:
            value = self._scale.parse(text)
        except ValueError as e:
            self._shown = None
            self._context.say(str(e))
        else:
            self._set(value)

    def _set(self, value: float) -> None:
        try:
            self._change(value)
        except ValueError as e:
            self._context.say(str(e))
        self._shown = None
