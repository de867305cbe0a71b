"""Dear PyGui as a type checker should see it.

Its containers are context managers, but are annotated to return the item itself; and its textures take arrays, but
are annotated to take lists. The ones that Firstlight uses are repeated here with the types they have; everything else
is called as `dpg.*`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, cast

import dearpygui.dearpygui as dpg
import numpy as np

Item = int | str
"""An item's number, or its tag."""

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


def raw_texture(pixels: np.ndarray, parent: Item = 0) -> Item:
    """A texture that is uploaded again in each frame of the window.

    Args:
        pixels: (height, width, 4) contiguous float32 in [0, 1]; the texture goes on reading this array.
    """
    height, width = pixels.shape[:2]
    values = cast(Any, pixels)
    return dpg.add_raw_texture(width, height, values, format=dpg.mvFormat_Float_rgba, parent=parent)


def static_texture(pixels: np.ndarray, parent: Item = 0) -> Item:
    """A texture that is uploaded once.

    Args:
        pixels: (height, width, 4) float in [0, 1].
    """
    height, width = pixels.shape[:2]
    return dpg.add_static_texture(width, height, cast(Any, pixels.ravel()), parent=parent)


def blank_texture(parent: Item = 0) -> Item:
    """A small transparent one, for images that have nothing to show yet."""
    return static_texture(np.zeros((2, 2, 4), np.float32), parent)
