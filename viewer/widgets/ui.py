"""Dear PyGui as a type checker should see it.

Its containers are generator functions that are used in a `with` statement, but their annotations promise the item
itself. The ones that Firstlight uses are repeated here with the type they have; everything else is called as `dpg.*`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ParamSpec, cast

import dearpygui.dearpygui as dpg

Item = int | str
"""An item's number or its tag."""

_P = ParamSpec("_P")


def _container(make: Callable[_P, object]) -> Callable[_P, AbstractContextManager[Item]]:
    return cast("Callable[_P, AbstractContextManager[Item]]", make)


child_window = _container(dpg.child_window)
draw_layer = _container(dpg.draw_layer)
drawlist = _container(dpg.drawlist)
file_dialog = _container(dpg.file_dialog)
font_registry = _container(dpg.font_registry)
group = _container(dpg.group)
handler_registry = _container(dpg.handler_registry)
item_handler_registry = _container(dpg.item_handler_registry)
plot = _container(dpg.plot)
popup = _container(dpg.popup)
subplots = _container(dpg.subplots)
table = _container(dpg.table)
table_row = _container(dpg.table_row)
texture_registry = _container(dpg.texture_registry)
theme = _container(dpg.theme)
theme_component = _container(dpg.theme_component)
tooltip = _container(dpg.tooltip)
window = _container(dpg.window)
