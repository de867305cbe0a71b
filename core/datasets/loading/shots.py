"""What the formats share: posed pictures with a lens, where to find them, and which are held out."""

import os
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from core.datasets.dataset import list_names
from core.datasets.loading.image_file import PICTURE_SUFFIXES
from core.errors import DatasetError
from core.geometry.lenses import N_COEFFICIENTS

HOLD_OUT_EVERY = 8
"""If a dataset names no test views, each view of this number is held out (LLFF's convention, Mildenhall et al.
2019)."""

VALIDATION_SERVES = "There is no test split: the validation split serves as one."
"""A note for the user."""

_MOST_NAMES = 8
"""How many missing pictures a note names."""

_STORED_FACTORS = (1, 2, 4, 8)

_NO_DISTORTION = (0.0,) * N_COEFFICIENTS


class Mask(NamedTuple):
    """A picture that says which pixels of another count.

    Attributes:
        path: the mask's file.
        hides: whether pixels that aren't black are hidden, as in instant-ngp's dynamic masks; else black ones are.
    """

    path: Path
    hides: bool


class Shot(NamedTuple):
    """One posed picture.

    Attributes:
        name: as the dataset spells it.
        path: the picture's file.
        c2w: (4, 4) float32, OpenGL axes.
        K: (3, 3), intrinsics in pixels of a picture of `size`, (width, height).
        distortion: see `core.geometry.lenses.Lens.coefficients`.
        fisheye: whether it is a fisheye's.
        masks: which of its pixels count.
        used: the pixels that count, once the masks are read, (height, width) bool after the reduction; None: all.
        time: when it was taken, if known.
    """

    name: str
    path: Path
    c2w: np.ndarray
    K: np.ndarray
    size: tuple[float, float]
    distortion: tuple[float, ...] = _NO_DISTORTION
    fisheye: bool = False
    masks: tuple[Mask, ...] = ()
    used: np.ndarray | None = None
    time: float | None = None


class ImageFolder(NamedTuple):
    """A folder of pictures.

    Attributes:
        folder: where it is.
        stored: the factor by which its pictures are reduced already.
        downscale: the factor by which they are still to be reduced.
        notes: notes for the user.
    """

    folder: Path
    stored: int
    downscale: int
    notes: tuple[str, ...]


class _Named(Protocol):
    """Anything that names a picture."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> Path: ...


Named = TypeVar("Named", bound=_Named)


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """K (3, 3)."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def hold_out(shots: list[Shot], kind: str) -> tuple[list[Shot], list[Shot], tuple[str, ...]]:
    """Training and test views of a dataset that doesn't name test views, and a note that says so.

    Args:
        kind: what the note calls the views.
    """
    held_out = shots[::HOLD_OUT_EVERY]
    kept = [shot for index, shot in enumerate(shots) if index % HOLD_OUT_EVERY]
    note = (
        f"There is no test split: every {HOLD_OUT_EVERY}th {kind}, {len(held_out)} of {len(shots)}, "
        "is held out and not trained on."
    )
    return kept, held_out, (note,)


def keep_existing(listed: list[Named], named_by: Path) -> tuple[list[Named], tuple[str, ...]]:
    """The items whose picture exists, sorted by name, and a note on the others.

    Lists made from videos or by selection often name pictures that were deleted.

    Args:
        named_by: the file that lists them, for messages.

    Raises:
        DatasetError: no picture is there.
    """
    there = sorted((item for item in listed if os.path.isfile(item.path)), key=lambda item: item.name)
    missing = [item for item in listed if not os.path.isfile(item.path)]
    if not there:
        raise DatasetError(
            f"{missing[0].path} is missing: none of the {len(listed)} images that {named_by} names exist; "
            "put them where it says"
        )
    if not missing:
        return there, ()
    names = list_names([item.name for item in missing], _MOST_NAMES)
    return there, (f"{len(missing)} of the {len(listed)} images it names are missing: {names}.",)


def list_pictures(folder: Path) -> list[Path]:
    """The pictures directly in a folder, sorted by name; hidden ones, such as macOS puts beside each file, are skipped.

    Raises:
        DatasetError: the folder can't be listed.
    """
    try:
        return sorted(
            path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.name[0] != "."
        )
    except OSError as error:
        raise DatasetError(f"{folder} can't be listed ({error.strerror}): check its permissions") from error


def image_folder(folder: Path, downscale: int) -> ImageFolder:
    """The folder of a dataset's pictures: stored reduced as much as asked for, else less, else as little as there is;
    the dataset's own folder if it has none for pictures."""
    stored = {}
    for factor in _STORED_FACTORS:
        inside = folder / ("images" if factor == 1 else f"images_{factor}")
        if os.path.isdir(inside):
            stored[factor] = inside
    if not stored:
        return ImageFolder(folder, 1, downscale, ())
    suiting = [factor for factor in stored if downscale % factor == 0]
    factor = max(suiting) if suiting else min(stored)
    inside = stored[factor]
    notes = (f"The images are those of {inside.name}, stored reduced by {factor}.",) if factor > 1 else ()
    return ImageFolder(inside, factor, max(1, downscale // factor), notes)


def find_picture(folder: Path, name: str, where: str, allow_outside: bool = False, key: str = "file_path") -> Path:
    """The path of a picture that a dataset's file names. It must lie in the dataset's folder unless others are allowed:
    a downloaded dataset must not read arbitrary files.

    Backslashes separate folders too; a missing suffix is found; of an absolute path, the longest tail that exists below
    the folder is taken, since datasets get moved.

    Args:
        where, key: what names the picture, and under which key, for messages.

    Returns:
        The path; a name that isn't found and has no suffix gets the first one.

    Raises:
        DatasetError: the name leads out of the folder, and that is not allowed.
    """
    plain = name.strip().replace("\\", "/")
    root = Path(os.path.normpath(folder))
    path = Path(os.path.normpath(root / plain))
    outside = path == root or not (allow_outside or path.is_relative_to(root))
    found = None if outside else _picture_at(path)
    if found is None and (plain.startswith("/") or plain[1:2] == ":"):
        parts = [part for part in plain.split("/") if part]
        ends = [root.joinpath(*parts[first:]) for first in range(len(parts)) if ".." not in parts[first:]]
        found = next(filter(None, map(_picture_at, ends)), None)
    if found is None and outside:
        raise DatasetError(
            f"{where}: expected {key} inside {folder}, found {name!r}: move the picture there and correct the path, "
            "or give --allow-outside"
        )
    return found or (
        path if path.suffix.lower() in PICTURE_SUFFIXES else path.with_name(path.name + PICTURE_SUFFIXES[0])
    )


def _picture_at(path: Path) -> Path | None:
    """The file of that name, or of that name with any of the suffixes, if there is one."""
    for suffix in ("", *PICTURE_SUFFIXES):
        for spelling in dict.fromkeys((suffix, suffix.upper())):
            candidate = path.parent / (path.name + spelling)
            if os.path.isfile(candidate):
                return candidate
    return None
