"""The keyboard: names of the keys that went down and of those that are held."""

from typing import NamedTuple

import dearpygui.dearpygui as dpg

CONTROLS = (dpg.mvKey_LControl, dpg.mvKey_RControl)
SHIFTS = (dpg.mvKey_LShift, dpg.mvKey_RShift)
KEYS = {
    "Space": dpg.mvKey_Spacebar,
    "Esc": dpg.mvKey_Escape,
    "Tab": dpg.mvKey_Tab,
    "F1": dpg.mvKey_F1,
    "F11": dpg.mvKey_F11,
    "F12": dpg.mvKey_F12,
    "[": dpg.mvKey_Open_Brace,
    "]": dpg.mvKey_Close_Brace,
} | {name: getattr(dpg, f"mvKey_{name}") for name in "ADEIKOQRSTWZ123456"}


class Keys(NamedTuple):
    """The keyboard at one moment.

    Attributes:
        pressed: keys that went down since the last reading; prefixed with "Ctrl+" while Ctrl is down,
            and with "Ctrl+Shift+" while Shift is too.
        held: keys that are down without Ctrl.
    """

    pressed: set[str]
    held: set[str]


class Keyboard:
    """Remembers which keys were down, so that a held key counts as pressed only once."""

    def __init__(self) -> None:
        self._down: set[str] = set()

    @property
    def any_down(self) -> bool:
        """Whether a key was down at the last reading."""
        return bool(self._down)

    def read(self) -> Keys:
        """Read the keyboard; call it once per frame."""
        down = {name for name, key in KEYS.items() if dpg.is_key_down(key)}
        pressed, self._down = down - self._down, down
        if any(dpg.is_key_down(key) for key in CONTROLS):
            prefix = "Ctrl+Shift+" if any(dpg.is_key_down(key) for key in SHIFTS) else "Ctrl+"
            return Keys({f"{prefix}{name}" for name in pressed}, set())
        return Keys(pressed, down)
