"""Rows that edit the settings of a field or a sampler, built from the settings' metadata."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import dearpygui.dearpygui as dpg

from core.config.setting import Setting, settings_of, without_none
from viewer.state.method_draft import label_of
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.style import DIM
from viewer.widgets.widgets import NUMBER_HELP, label, plain, tooltip

LABEL_WIDTH = 138


class SettingFields:
    """A group of rows: a label, and a number to drag or type, or a list to choose from.

    Args:
        tag: the rows' widgets have the tags `tag` + "." + the setting's name.
        title: the text above them.
        settings: the settings' class.
        change: called with a setting's name and its new value.
    """

    def __init__(self, context: Context, tag: str, title: str, settings: type, change: Callable[[str, Any], None]):
        self._context, self._tag, self._change = context, tag, change
        self._items: dict[str, ui.Item] = {}
        hints = get_type_hints(settings, include_extras=True)
        with ui.group(show=False) as self._group:
            dpg.bind_item_font(dpg.add_text(title, color=DIM), context.style.small)
            for name, setting in settings_of(settings).items():
                self._build_row(name, setting, without_none(hints[name]))

    def show(self, usual: Any | None, changed: Mapping[str, Any] | None = None) -> None:
        """Show the values, except in a widget that is being edited.

        Args:
            usual: an instance of the settings; None hides the rows.
            changed: values that differ from it, by name.
        """
        dpg.configure_item(self._group, show=usual is not None and bool(self._items))
        if usual is None:
            return
        for name, item in self._items.items():
            value = (changed or {}).get(name, getattr(usual, name))
            if not dpg.is_item_active(item):
                dpg.set_value(item, value)
                if isinstance(value, int | float):
                    dpg.configure_item(item, speed=0.01 * max(abs(value), 1.0 if isinstance(value, int) else 1e-6))

    def _build_row(self, name: str, setting: Setting, kind: Any) -> None:
        make, tip = self._widget(setting, kind)
        if make is None:
            return
        style = self._context.style
        with ui.group(horizontal=True, horizontal_spacing=style.px(4)):
            text = label(label_of(name, setting), style, LABEL_WIDTH, setting.unit)
            tooltip(text, f"{setting.documentation} --{name.replace('_', '-')}", style)
            item = make(
                tag=f"{self._tag}.{name}", width=-1, user_data=name,
                callback=lambda _, value, name: self._change(name, plain(value) if isinstance(value, float) else value),
            )  # fmt: skip
            if tip:
                self._context.inputs.append(item)
                tooltip(item, tip, style)
        self._items[name] = item

    def _widget(self, setting: Setting, kind: Any) -> tuple[Callable | None, str]:
        """A function that makes the widget for a type of values, and its tooltip."""
        if get_origin(kind) is Literal:
            return lambda **options: dpg.add_combo(list(get_args(kind)), **options), ""
        tip = f"From {setting.low:g} to {setting.high:g}. {NUMBER_HELP}"
        if kind is int:
            low, high = int(setting.low), int(setting.high)
            return lambda **options: dpg.add_drag_int(min_value=low, max_value=high, clamped=True, **options), tip
        if kind is float:
            limits = {"min_value": setting.low, "max_value": setting.high, "clamped": True}
            return lambda **options: dpg.add_drag_float(format="%.4g", **limits, **options), tip
        return None, ""
