"""Where files go, and how they are written: nothing is overwritten, and no half-written file is left behind."""

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import FirstlightError


def write_new(folder: str | Path, name: str, step: int, ending: str, content: bytes) -> Path:
    """Write NAME-stepNNNNNN-001ENDING, or the next number that is free.

    Args:
        folder: made if it isn't there; "~" stands for the user's own.
        name: the scene's; what doesn't suit a file's name is replaced.
        step: the training step whose weights it shows.
        ending: such as ".png".

    Raises:
        FirstlightError: the folder can't be made or written.
    """
    folder = Path(folder).expanduser()
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "view"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = folder / f"{stem}-step{step:06d}-{number:03d}{ending}"
            try:
                file = path.open("xb")  # two writers never share a file
            except FileExistsError:
                continue
            with _whole_or_gone(path, file):
                file.write(content)
            return path
    except OSError as e:
        raise FirstlightError(f"{folder} can't be written ({e}): choose another folder") from e
    raise AssertionError("unreachable: itertools.count never ends")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file to write into, its folder made if it isn't there. If that fails, none is left behind.

    Raises:
        FirstlightError: it exists or can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
        with _whole_or_gone(path, file):
            yield file
    except OSError as error:
        raise FirstlightError(f"{path} can't be written ({error.strerror}): choose another folder") from error


@contextmanager
def _whole_or_gone(path: Path, file: BinaryIO) -> Iterator[None]:
    """Close a file that was written, or delete what there is of it."""
    try:
        with file:
            yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def new_folder(folder: Path) -> Path:
    """Make a folder for results, which must be absent or empty.

    Raises:
        FirstlightError: it holds something, or can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FirstlightError(
                f"{folder} is not empty, and nothing in it may be overwritten: name a new folder, or empty this one"
            )
    except OSError as error:
        raise FirstlightError(f"{folder} can't be used ({error.strerror}): name another folder") from error
    return folder


def user_folder() -> Path:
    """The folder in the place that the system names; it need not exist yet."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "firstlight"
