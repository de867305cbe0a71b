"""Files that the window saves: each takes the next free number, so that none is ever overwritten."""

import itertools
from pathlib import Path

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
            try:
                with file:
                    file.write(content)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            return path
    except OSError as e:
        raise FirstlightError(f"{folder} can't be written ({e}): choose another folder") from e
    raise AssertionError("unreachable: itertools.count never ends")
