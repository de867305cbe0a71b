"""The recently opened scenes, newest first, kept in the user's cache folder. A lost or broken list counts as empty."""

import json
from contextlib import suppress
from pathlib import Path

from core.files import replace_file, user_folder

LENGTH = 8


def default_file() -> Path:
    """Where the list is kept."""
    return user_folder() / "recent.json"


def load(file: Path) -> list[str]:
    """The paths in the list; [] if there is none or it can't be read."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, str) and entry][:LENGTH]


def add(file: Path, path: str) -> list[str]:
    """Put a path first and return the list. A list that can't be written is kept for this run only."""
    entries = [path, *(entry for entry in load(file) if entry != path)][:LENGTH]
    with suppress(OSError):
        replace_file(file, json.dumps(entries))
    return entries
