"""A question before something is lost, with two buttons to answer it."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.widgets import ui
from viewer.widgets.style import ACCENT, Style
from viewer.widgets.widgets import button


class Confirmation:
    """A part of a panel that is shown while there is something to ask.

    Args:
        tag: the buttons are `tag` + ".sure" and `tag` + ".stay".
        yes: the text of the button that confirms, which calls `act`; `tip` explains it.
        leave: called by the button that declines.
        width: of each button, in pixels.
        wrap: the text's width in pixels; 0 takes all there is.
    """

    def __init__(
        self,
        tag: str,
        yes: str,
        tip: str,
        act: Callable[[], None],
        leave: Callable[[], None],
        style: Style,
        width: int,
        wrap: int = 0,
    ):
        with ui.group(show=False) as self._group:
            self._text = dpg.add_text("", tag=f"{tag}.question", color=ACCENT, wrap=wrap)
            with ui.group(horizontal=True):
                sure = button(yes, style, act, tip, tag=f"{tag}.sure", width=width)
                dpg.bind_item_theme(sure, style.chosen)
                button("Not now", style, leave, "Leave it as it is.", tag=f"{tag}.stay", width=width)

    def show(self, text: str) -> None:
        """Ask this; "" hides the question."""
        dpg.configure_item(self._group, show=bool(text))
        dpg.set_value(self._text, text)
