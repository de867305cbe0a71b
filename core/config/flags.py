"""Command-line flags from settings dataclasses: each `Setting` becomes one flag, absent unless it is given.

Defaults are not repeated here: they belong to the presets, which depend on the device and the scene, or to the picture
that is made again. So a group of flags is parsed into a dict that holds only what was given, and
`dataclasses.replace(settings, **flags)` lays it over the defaults and validates it.
"""

import re
from collections.abc import Collection
from typing import Annotated, Any, get_type_hints

import tyro
from typing_extensions import TypedDict

from core.config.setting import settings_of, without_none

_ABSENT = tyro.conf.arg(help_behavior_hint="")


def flags_of(*classes: type, without: Collection[str] = ()) -> type:
    """A TypedDict with one optional key per `Setting` of settings dataclasses, for tyro to make flags from. A name that
    several of them have is one flag, with the first one's help; names in `without` have none."""
    keys: dict[str, Any] = {}
    for settings in classes:
        hints = get_type_hints(settings, include_extras=True)
        for name, setting in settings_of(settings).items():
            if name in without:
                continue
            # leaving the flag out already says None
            keys.setdefault(name, Annotated[without_none(hints[name]), setting, _ABSENT])
    return optional_keys(f"{''.join(settings.__name__ for settings in classes)}Flags", keys)


def optional_keys(name: str, keys: dict[str, Any]) -> type:
    """A TypedDict all of whose keys may be absent, by their types."""
    make: Any = TypedDict  # the checker knows it with literal keys only
    return make(name, keys, total=False)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height in pixels of "WIDTHxHEIGHT"; raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+)x(\d+)", text.strip())
    if match is None or min(int(match[1]), int(match[2])) < 1:
        raise ValueError(f"a size looks like 1280x800, got {text!r}")
    return int(match[1]), int(match[2])
