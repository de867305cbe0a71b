"""Opens datasets: finds out which format a folder is stored in and reads it.

A new format is one new file that defines a `Format`, and one line in `FORMATS` that names it.
"""

import os
import zipfile
from pathlib import Path

from core.datasets import blender, colmap, llff, nerfstudio, photos
from core.datasets.base import Dataset, Format, Progress, some_of
from core.errors import DatasetError

FORMATS: tuple[Format, ...] = (blender.FORMAT, nerfstudio.FORMAT, llff.FORMAT, colmap.FORMAT, photos.FORMAT)

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
"""The scene that comes with the project; the name "demo" opens it."""

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_NAMES_SHOWN = 5


def open_dataset(path: str | Path, downscale: int = 1, progress: Progress | None = None) -> Dataset:
    """Open a dataset of any format we know.

    Args:
        path: the dataset's folder, the .json or .npy file in it that names the poses, or "demo" ("./demo" is a folder
            of that name).
        downscale: images are reduced by this whole factor with a box filter; by a larger one where they would not fit
            in memory.
        progress: called now and then with the share done and a text; an exception it raises ends the opening.

    Raises:
        DatasetError: one line that names the file, what was expected, what was found and what to do.
    """
    if downscale != int(downscale) or downscale < 1:
        raise DatasetError(f"downscale must be a whole number of at least 1, got {downscale}: 1 keeps the size")
    folder = _find_folder(path)
    for form in FORMATS:
        if form.recognises(folder):
            return form.read(folder, int(downscale), progress or (lambda share, text: None))
    raise DatasetError(f"{folder} is not a dataset: {_expected()}, found {_contents(folder)}")


def _find_folder(path: str | Path) -> Path:
    """The absolute path of the dataset's folder, which exists."""
    if str(path) == "demo":
        if not DEMO.is_dir():
            raise DatasetError(f"{DEMO}: expected the demo scene there, found nothing: restore it from the repository")
        return DEMO
    path = Path(os.path.abspath(os.path.expanduser(path)))
    if path.name in (blender.TRAIN_FILE, nerfstudio.FILE, llff.FILE) and os.path.isfile(path):
        return path.parent
    if os.path.islink(path) and not os.path.exists(path):
        raise DatasetError(f"{path} is a link that leads nowhere: expected the folder of a dataset; check the link")
    if not os.path.exists(path):
        raise DatasetError(f"{path} does not exist: expected the folder of a dataset; check the path")
    if os.path.isfile(path) and (path.name.lower().endswith(_ARCHIVES) or zipfile.is_zipfile(path)):
        raise DatasetError(f"{path} is an archive: expected a folder; unpack it and open what comes out")
    if not os.path.isdir(path):
        raise DatasetError(f"{path} is a file: {_expected()}; give the folder that holds the images' poses")
    return path


def _expected() -> str:
    return "expected " + " or ".join(form.signature for form in FORMATS)


def _contents(folder: Path) -> str:
    """What lies in a folder that isn't a dataset, and what to open instead if one lies inside."""
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
        inside = [name for name in names if name.endswith("/") and any(f.recognises(folder / name) for f in FORMATS)]
    except OSError as error:
        raise DatasetError(f"{folder} can't be listed ({error.strerror}): check its permissions") from error
    if not names:
        return "an empty folder: check the path, or unpack the dataset there"
    if inside:
        return f"datasets in folders below it: open one of them, {some_of(inside, _NAMES_SHOWN)}"
    return f"{some_of(names, _NAMES_SHOWN)}: check the path"
