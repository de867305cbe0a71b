"""Our own format: everything that an album has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.flights.album import Album, album_from_json, album_to_json
from core.flights.formats.base import PathFormat

KEYWORD = "firstlight_flight"
VERSION = 1


def read(values: Mapping[str, Any], path: Path) -> Album:
    """See `PathFormat`.

    Raises:
        ValueError: another version, or an entry that is wrong.
    """
    if values[KEYWORD] != VERSION:
        raise ValueError(f"it has version {values[KEYWORD]!r}, and this program reads {VERSION}: update Firstlight")
    return album_from_json({name: value for name, value in values.items() if name != KEYWORD})


def write(album: Album, path: Path) -> dict[str, Any]:
    """See `PathFormat`."""
    return {KEYWORD: VERSION, **album_to_json(album)}


FORMAT = PathFormat("Firstlight", lambda values: KEYWORD in values, read, write)
