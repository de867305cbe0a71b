"""What a pixel can show, one file per mode. Imports `viewer.picture.colors` and `protocol`.

A mode is one file, which ends with its `MODE`, and one line: the member of `viewer.protocol.view_settings.Mode` whose
name is the file's.
"""

from functools import cache
from importlib import import_module

from viewer.picture.modes.base import PictureMode
from viewer.protocol.view_settings import Mode, Tint


@cache
def mode_of(mode: Mode | Tint) -> PictureMode:
    """What the file of a mode, or of the mode that tints, defines."""
    return import_module(f"viewer.picture.modes.{mode.name.lower()}").MODE
