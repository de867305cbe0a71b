"""What a format of camera paths is."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.flights.album import Album
from core.flights.path import Key


@dataclass(frozen=True)
class PathFormat:
    """One format. All are JSON objects.

    Attributes:
        label: the name that users know.
        recognises: whether an object is such a path.
        read: an album from an object. It gets the file's path too, for what lies beside it.
        write: the object of an album, for a file of this path.
    """

    label: str
    recognises: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], Path], Album]
    write: Callable[[Album, Path], dict[str, Any]]


def beside(path: Path, name: str) -> Mapping[str, Any]:
    """The JSON object in a file beside another one; empty if there is none."""
    try:
        found = json.loads((path.parent / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def merged(keys: list[Key]) -> tuple[Key, ...]:
    """Keys with times, in which a camera that stands still is one key that holds."""
    kept: list[Key] = []
    for key in keys:
        same = kept and np.allclose(kept[-1].matrix, key.matrix, atol=1e-9) and kept[-1].fov_y == key.fov_y
        if same and kept[-1].time == key.time:
            kept[-1] = replace(kept[-1], hold=(key.at or 0.0) + key.hold - (kept[-1].at or 0.0))
        else:
            kept.append(key)
    return tuple(kept)
