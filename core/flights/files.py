"""Opens and saves camera paths in any of `core.flights.formats`."""

import json
from pathlib import Path

from core.errors import FirstlightError
from core.files import check_new_file, new_file
from core.flights.album import Album
from core.flights.formats import PATH_FORMATS


def load_album(path: str | Path) -> Album:
    """An album from a file of ours, of nerfstudio or of instant-ngp; "~" stands for the user's folder.

    Raises:
        FirstlightError: it can't be read, or is no camera path; the message names it.
    """
    path = Path(path).expanduser()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FirstlightError(f"there is no file {path}: name a camera path (.json)") from None
    except (OSError, ValueError) as error:
        raise FirstlightError(f"{path} can't be read as JSON ({error}): name a camera path") from error
    known = [kind for kind in PATH_FORMATS.values() if isinstance(values, dict) and kind.recognises(values)]
    if not known:
        labels = ", ".join(kind.label for kind in PATH_FORMATS.values())
        raise FirstlightError(f"{path} is no camera path: expected one of {labels}")
    try:
        return known[0].read(values, path)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        what = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise FirstlightError(f"{path} is a broken camera path of {known[0].label}: {what}") from error


def save_album(path: str | Path, album: Album, format: str = "firstlight") -> Path:
    """Write an album into a new .json file; formats of other programs have the path alone.

    Raises:
        FirstlightError: the file exists or can't be written.
        ValueError: another suffix, or a path that can't be flown.
    """
    path = check_new_file(path, (".json",))
    content = json.dumps(PATH_FORMATS[format].write(album, path), indent=1) + "\n"
    with new_file(path) as file:
        file.write(content.encode())
    return path
