"""Folders that results are written to."""

from pathlib import Path

from core.errors import FirstlightError


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
