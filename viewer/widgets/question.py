"""A question before something is given up: what it is about, and two buttons."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.widgets import ui
from viewer.widgets.style import ACCENT, Style
from viewer.widgets.widgets import button


class Question:
    """Shown in a panel while there is something to ask.

    Args:
        tag: the buttons are `tag` + ".sure" and `tag` + ".stay".
        yes: what the button says that does it; `tip` explains it, `act` is called.
        leave: called where it shall not be done.
        width: of each button, in pixels; `wrap` is the text's, 0 for as wide as there is room.
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
        """Ask this; "": nothing."""
        dpg.configure_item(self._group, show=bool(text))
        dpg.set_value(self._text, text)
