"""Docked windows that are always there: the bars along the edges, and the picture's."""

from collections.abc import Iterator
from contextlib import contextmanager

import dearpygui.dearpygui as dpg

from viewer.state.dock_layout import number_of
from viewer.widgets import ui

SETTLING_FRAMES = 3
"""Frames of the window until its docks have taken their places."""


@contextmanager
def bar(tag: str, background: bool = True) -> Iterator[None]:
    """A docked window that is always there and has no tab.

    Args:
        tag: one of `viewer.state.dock_layout.BARS`.
        background: without one its contents must cover it; without a GPU each layer that is painted costs.
    """
    number = number_of(tag)
    with ui.window(
        tag=number, no_title_bar=True, no_move=True, no_resize=True, no_scrollbar=True, no_scroll_with_mouse=True,
        no_close=True, no_bring_to_front_on_focus=True, min_size=(1, 1), no_background=not background,
    ):  # fmt: skip
        dpg.add_alias(tag, number)
        yield
