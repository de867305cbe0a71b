"""Where files go and how they are written: nothing of the user's is overwritten, and no file is left half-written."""

import itertools
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import FirstlightError


def check_new_file(path: str | Path, suffixes: tuple[str, ...] = (), needs_folder: bool = False) -> Path:
    """The path of a file that is going to be written; "~" stands for the user's folder.

    Call it before long work, so that the result isn't refused at the end.

    Args:
        suffixes: one of which the name must have, in any case; (): any.
        needs_folder: its folder must exist; else it is made when the file is written.

    Raises:
        FirstlightError: the file exists, or its folder must exist and doesn't.
        ValueError: it has another suffix.
    """
    path = Path(path).expanduser()
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"expected a file name that ends in {' or '.join(suffixes)}, got {path}: correct it")
    if path.exists():
        raise _exists_already(path, FirstlightError)
    if needs_folder and not path.parent.is_dir():
        raise FirstlightError(f"{path} can't be written: {path.parent} is no folder; make it, or choose another")
    return path


@contextmanager
def new_file(path: Path, error: type[FirstlightError] = FirstlightError) -> Iterator[BinaryIO]:
    """A new file to write into. It gets its name when all is written; after a failure nothing is left behind.

    Args:
        path: its folder is made if it doesn't exist.
        error: the class of the errors.

    Raises:
        FirstlightError: as `error`: the file exists or can't be written.
    """
    with new_path(path, error) as unfinished, _explained(path, error), unfinished.open("xb") as file:
        yield file


@contextmanager
def new_path(path: Path, error: type[FirstlightError] = FirstlightError) -> Iterator[Path]:
    """The path to write a new file at, for libraries that open files themselves; see `new_file`.

    The path lies in the same folder. What is written there gets the name `path` when the block ends.
    """
    if path.exists():
        raise _exists_already(path, error)
    with _explained(path, error):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path) as unfinished:
        yield unfinished
        with _explained(path, error):
            if not _publish(unfinished, path):
                raise _exists_already(path, error)


def replace_file(path: Path, content: str | bytes) -> None:
    """Write one of our own files, such as state that is kept between runs, atomically; an earlier one is replaced.

    Args:
        path: its folder is made if it doesn't exist.
        content: text is written as UTF-8.

    Raises:
        OSError: it can't be written; the earlier file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        unfinished.replace(path)


def write_numbered(folder: str | Path, name: str, step: int, ending: str, content: bytes) -> Path:
    """Write NAME-stepNNNNNN-001ENDING, or with the next number that is free.

    Args:
        folder: made if it doesn't exist; "~" stands for the user's folder.
        name: the scene's; characters that don't suit a file name are replaced.
        step: the training step whose weights the content shows.
        ending: such as ".png".

    Raises:
        FirstlightError: the folder can't be made or written.
    """
    folder = Path(folder).expanduser()
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "view"
    with _explained(folder, FirstlightError):
        folder.mkdir(parents=True, exist_ok=True)
        with _unfinished(folder / stem) as unfinished:
            unfinished.write_bytes(content)
            for number in itertools.count(1):
                path = folder / f"{stem}-step{step:06d}-{number:03d}{ending}"
                if _publish(unfinished, path):  # another writer may have taken the number
                    return path
    raise AssertionError("unreachable: itertools.count never ends")


def new_folder(folder: str | Path) -> Path:
    """Make a folder for results, which must be absent or empty; "~" stands for the user's folder.

    Raises:
        FirstlightError: it holds something, or can't be made.
    """
    folder = Path(folder).expanduser()
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
    """The folder for state that is kept between runs, in the system's usual place; it need not exist yet."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "firstlight"


def recall(path: Path, key: str) -> Any:
    """What `remember` kept in a file under a key; None if there is nothing, or it can't be read."""
    return _entries(path).get(key)


def remember(path: Path, key: str, value: Any) -> None:
    """Keep a value of JSON's in a file of our own under a key. If it can't be written, nothing is kept."""
    with suppress(OSError):
        replace_file(path, json.dumps(_entries(path) | {key: value}, indent=2))


def _entries(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _exists_already(path: Path, error: type[FirstlightError]) -> FirstlightError:
    return error(f"{path} exists already, and nothing is overwritten: choose another name")


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A free name beside a file, for its content while it is written; removed at the end if it still exists."""
    unfinished = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.unfinished")
    try:
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _publish(unfinished: Path, path: Path) -> bool:
    """Give a finished file its name; False if a file of that name exists, which then stays as it is."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links, such as a memory card's
        if path.exists():
            return False
        unfinished.rename(path)
    return True


@contextmanager
def _explained(path: Path, error: type[FirstlightError]) -> Iterator[None]:
    """Raise OSErrors as one of our own errors."""
    try:
        yield
    except OSError as reason:
        raise error(f"{path} can't be written ({reason.strerror or reason}): choose another folder") from reason
