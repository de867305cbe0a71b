"""Small windows over the picture: they can't be docked or moved, and whoever makes one places it in each frame."""

from contextlib import AbstractContextManager

import dearpygui.dearpygui as dpg

from viewer.widgets import ui
from viewer.widgets.canvas import Rect
from viewer.widgets.style import Style


def window(
    tag: str | int = 0, min_size: tuple[int, int] = (40, 20), show: bool = False, takes_focus: bool = True
) -> AbstractContextManager[ui.Item]:
    """Make a small window over the picture.

    Args:
        min_size: in pixels.
        takes_focus: when it appears.
    """
    return ui.window(
        tag=tag, min_size=min_size, show=show, no_focus_on_appearing=not takes_focus, autosize=True,
        no_title_bar=True, no_resize=True, no_move=True, no_scrollbar=True, no_docking=True, no_saved_settings=True,
    )  # fmt: skip


def toggle(window: str) -> None:
    """Show a window if it is hidden, or hide it."""
    dpg.configure_item(window, show=not dpg.is_item_shown(window))


def center(window: str, rect: Rect) -> None:
    """Put a window in the middle of the picture."""
    width, height = dpg.get_item_rect_size(window)
    x, y = rect.x + (rect.width - width) / 2, rect.y + (rect.height - height) / 2
    dpg.set_item_pos(window, [max(0, x), max(0, y)])


def put_under_toolbar(window: str, rect: Rect, style: Style, width: int) -> None:
    """Put a window below the toolbar, at the picture's right edge.

    Args:
        width: the window's, at scale 1, until it has been drawn.
    """
    width = dpg.get_item_rect_size(window)[0] or style.px(width)
    dpg.set_item_pos(window, [max(0, rect.x + rect.width - width - style.px(8)), rect.y + style.px(8)])
