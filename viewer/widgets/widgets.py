"""Widgets that several panels use."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import dearpygui.dearpygui as dpg

from core.config.setting import Setting
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.style import DASH, DIM, Style

LABEL_WIDTH = 130

NUMBER_HELP = "Drag to change it. To enter a number, double-click or hold Ctrl and click, type and press Enter."

T = TypeVar("T")


def tooltip(item: ui.Item, text: str, style: Style) -> None:
    """Explain a widget when the mouse rests on it."""
    with ui.tooltip(item, delay=0.4):
        dpg.add_text(text, wrap=style.px(320))


def label(text: str, style: Style, width: int = LABEL_WIDTH, unit: str = "", dim: bool = False) -> ui.Item:
    """A label on the line of the frames beside it, `width` wide at scale 1."""
    with ui.group(horizontal=True, horizontal_spacing=0) as group:
        item = dpg.add_button(label=f"{text}, {unit}" if unit else text, width=style.px(width))
        dpg.bind_item_theme(item, style.label)
    if dim:
        dpg.bind_item_theme(group, style.dim)
    return item


class Choice(Generic[T]):
    """Buttons side by side, one of which is marked.

    Args:
        options: each value's text and explanation; the button's tag is `tag` + "." + value.
        width: of each button, in pixels.
        change: called with the value of the button that was clicked.
    """

    def __init__(
        self, tag: str, options: Mapping[T, tuple[str, str]], style: Style, width: int, change: Callable[[T], object]
    ):
        self._style = style
        self._items: dict[T, ui.Item] = {}
        self._shown: T | None = None
        with ui.group(horizontal=True, horizontal_spacing=style.px(2)):
            for value, (text, tip) in options.items():
                item = dpg.add_button(
                    label=text, tag=f"{tag}.{value}", width=width, user_data=value, callback=lambda _, __, v: change(v)
                )
                tooltip(item, tip, style)
                self._items[value] = item

    def show(self, value: T) -> None:
        """Mark the button of a value."""
        if value != self._shown:
            self._shown = value
            for other, item in self._items.items():
                dpg.bind_item_theme(item, self._style.chosen if other == value else self._style.plain)

    def name(self, value: T, text: str) -> None:
        """Give a button another text."""
        dpg.configure_item(self._items[value], label=text)


class SettingCombo:
    """A label and a list, for a setting that has a few values.

    Args:
        words: the list's text for each value.
        change: called with the new value.
    """

    def __init__(
        self, context: Context, tag: str, setting: Setting, words: dict[Any, str], change: Callable[[Any], object]
    ):
        self._words = words
        with ui.group(horizontal=True, horizontal_spacing=context.style.px(4)) as self._row:
            name = label(setting.label, context.style)
            self._combo = dpg.add_combo(
                list(words.values()), width=-1, tag=tag, callback=lambda _, text: change(self._value(text))
            )
            tooltip(name, setting.documentation, context.style)

    def show(self, value: Any) -> None:
        """Follow the setting's value."""
        dpg.set_value(self._combo, self._words.get(value, ""))

    def offer(self, words: dict[Any, str]) -> None:
        """List other values; a row with a single one is hidden."""
        self._words = words
        dpg.configure_item(self._combo, items=list(words.values()))
        dpg.configure_item(self._row, show=len(words) > 1)

    def _value(self, text: str) -> Any:
        return next(value for value, word in self._words.items() if word == text)


class Figures:
    """A table of figures, each a small caption over a value, `columns` to a row.

    Args:
        captions: by the figures' names.
        prefix: the values' tags are `prefix` + "." + name.
        tips: explanations by name.
    """

    def __init__(self, captions: dict[str, str], style: Style, columns: int, prefix: str, tips: dict[str, str]):
        self._prefix = prefix
        names = list(captions)
        with ui.table(header_row=False, policy=dpg.mvTable_SizingStretchSame, pad_outerX=False) as table:
            for _ in range(columns):
                dpg.add_table_column()
            for first in range(0, len(names), columns):
                with ui.table_row():
                    for name in names[first : first + columns]:
                        with ui.group() as group:
                            caption = dpg.add_text(captions[name], color=DIM)
                            dpg.bind_item_font(caption, style.small)
                            dpg.add_text(DASH, tag=f"{prefix}.{name}")
                        dpg.bind_item_theme(group, style.tight)
                        if name in tips:
                            tooltip(group, tips[name], style)

        dpg.bind_item_theme(table, style.dense)

    def show(self, **values: str) -> None:
        """Show values by their figures' names."""
        for name, text in values.items():
            dpg.set_value(f"{self._prefix}.{name}", text)


def button(text: str, style: Style, callback: Callable[[], Any], tip: str = "", **options: Any) -> ui.Item:
    """A push button with a tooltip."""
    item = dpg.add_button(label=text, callback=lambda: callback(), **options)
    if tip:
        tooltip(item, tip, style)
    return item


def plain(value: float) -> float:
    """A number from a widget without the digits that float32 adds: 0.1, not 0.100000001."""
    return float(f"{value:.6g}")


def short(value: float) -> str:
    """A count in at most four characters and a suffix: 950, 12.3k, 4.56M."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * limit:  # 999.9k reads 1M
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def clock(seconds: float) -> str:
    """A duration as 5.2 s, 3:07 min or 1:02:03 h."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"


def visible_widgets() -> dict[str, tuple[int, int, int, int]]:
    """Each visible widget's x, y, width and height in the window's pixels, by its tag."""
    found: dict[str, tuple[int, int, int, int]] = {}
    for name in dpg.get_aliases():
        state = dpg.get_item_state(name) if dpg.does_item_exist(name) else {}
        if state.get("visible") and "rect_min" in state:
            (x, y), (width, height) = state["rect_min"], state["rect_size"]
            found[name] = int(x), int(y), int(width), int(height)
    return found
