"""Opens datasets: finds out which format a folder or a file has, and reads it.

A new format is one new file that defines `FORMAT`, a `Format`, and one line below that registers it. Imports config,
files, geometry and kernels.
"""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

from core.config.read_options import AS_STORED, DEMOS, ReadOptions
from core.config.registry import Registry
from core.datasets.dataset import Dataset, Format, Progress, list_names
from core.errors import DatasetError

FORMATS: Registry[Format] = Registry("FORMAT")
"""All formats, in the order in which they are tried."""

FORMATS.register("blender", "core.datasets.formats.blender")
FORMATS.register("nerfstudio", "core.datasets.formats.nerfstudio")
FORMATS.register("llff", "core.datasets.formats.llff")
FORMATS.register("colmap", "core.datasets.formats.colmap")
FORMATS.register("tiny-nerf", "core.datasets.formats.tiny_nerf")
FORMATS.register("photos", "core.datasets.formats.photos")
FORMATS.register("video", "core.datasets.formats.video")

ASSETS = Path(__file__).resolve().parents[2] / "assets"
"""Where the scenes that come with the project lie; their names in `core.config.read_options.DEMOS` open them."""

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_NAMES_SHOWN = 5


def open_dataset(path: str | Path, reading: ReadOptions = AS_STORED, progress: Progress | None = None) -> Dataset:
    """Open a dataset of any format we know.

    Args:
        path: the dataset's folder, the .json or .npy file in it that names the poses, a file that is a dataset by
            itself, or a name in `core.config.read_options.DEMOS` ("demo"; "./demo" is a folder of that name).
        reading: how its files are to be read. Images that would not fit in memory are reduced further: the
            dataset's own `reading` says by how much.
        progress: called now and then with the share done and a text; an exception it raises ends the opening.

    Raises:
        DatasetError: one line that names the file, what was expected, what was found and what to do.
    """
    path = _find(path)
    form = _format_of(path)
    if form is None:
        raise DatasetError(f"{path} is not a dataset: {_suggest_instead(path)}")
    dataset = form.read(path, reading, progress or (lambda share, text: None))
    notes = dataset.notes
    if reading.axes != AS_STORED.axes and not form.any_axes:
        of = list_names([form.name for form in FORMATS.values() if form.any_axes], len(FORMATS))
        notes += (f"--axes {reading.axes} changes nothing: it is for poses of {of}, not of {form.name}.",)
    return replace(dataset, notes=notes)


def file_suffixes() -> tuple[str, ...]:
    """Suffixes of files that are a dataset by themselves."""
    return tuple(suffix for form in FORMATS.values() for suffix in form.suffixes)


def _find(path: str | Path) -> Path:
    """The absolute path of a folder, or of a file that one of the formats recognises; it exists."""
    if str(path) in DEMOS:
        demo = ASSETS / DEMOS[str(path)]
        if not demo.is_dir():
            raise DatasetError(f"{demo}: expected the demo scene there, found nothing: restore it from the repository")
        return demo
    path = Path(os.path.abspath(os.path.expanduser(path)))
    if os.path.isfile(path) and path.name in {form.index for form in FORMATS.values()}:
        return path.parent
    if os.path.islink(path) and not os.path.exists(path):
        raise DatasetError(f"{path} is a link that leads nowhere: expected a dataset there; check the link")
    if not os.path.exists(path):
        raise DatasetError(f"{path} does not exist: expected a dataset there; check the path")
    if os.path.isdir(path) or _format_of(path) is not None:
        return path
    if os.path.isfile(path) and (path.name.lower().endswith(_ARCHIVES) or zipfile.is_zipfile(path)):
        raise DatasetError(f"{path} is an archive: expected a folder; unpack it and open what comes out")
    raise DatasetError(f"{path} is a file: {_expected_formats()}; give the folder that holds the images' poses")


def _format_of(path: Path) -> Format | None:
    return next((form for form in FORMATS.values() if form.recognises(path)), None)


def _expected_formats() -> str:
    return "expected " + " or ".join(form.signature for form in FORMATS.values())


def _suggest_instead(folder: Path) -> str:
    """What to open instead of a folder that isn't a dataset; or what was expected and what lies there."""
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
        inside = [name for name in names if _format_of(folder / name) is not None]
    except OSError as error:
        raise DatasetError(f"{folder} can't be listed ({error.strerror}): check its permissions") from error
    if not names:
        return f"{_expected_formats()}, found an empty folder: check the path, or unpack the dataset there"
    if inside:
        which = "what" if len(inside) == 1 else "one of those that"
        return f"open {which} can be opened in it, {list_names(inside, _NAMES_SHOWN)}"
    return f"{_expected_formats()}, found {list_names(names, _NAMES_SHOWN)}: check the path"
