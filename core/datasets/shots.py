"""What the formats agree on: pictures with a pose and a lens, which become `Views`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch

from core.cameras import Camera, image_points, rays_through
from core.datasets.base import Progress, Views
from core.datasets.images import Header, read_images
from core.errors import DatasetError
from core.lenses import N_COEFFICIENTS, Lens

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

HOLD_OUT_EVERY = 8
"""Where a dataset names no test views, every so manieth is held out (LLFF's convention, Mildenhall et al. 2019)."""

FEWEST_VIEWS = 2
"""Training views without which there is nothing to learn."""

READING_SHARE = 0.9
"""Of the opening of a dataset."""

_MOST_PIXELS = 1e6
"""A side of a picture that is longer is a mistake."""

_FOCAL_RANGE = (1e-2, 1e3)
"""Focal lengths, in lengths of the picture's longer side: from more than a fisheye's to the longest telescope's."""

_STORED_FACTORS = (1, 2, 4, 8)

_ASPECT_TOLERANCE = 0.02
_LENS_TOLERANCE = 0.05
_NO_DISTORTION = (0.0,) * N_COEFFICIENTS


class Shot(NamedTuple):
    """One posed picture.

    Attributes:
        name: as the dataset spells it.
        path: where the picture is.
        c2w: (4, 4) float32, OpenGL axes.
        K: (3, 3), intrinsics in pixels of a picture of `size`, (width, height).
        distortion: see `core.lenses.Lens.coefficients`; fisheye: of which kind.
    """

    name: str
    path: Path
    c2w: np.ndarray
    K: np.ndarray
    size: tuple[float, float]
    distortion: tuple[float, ...] = _NO_DISTORTION
    fisheye: bool = False


class _Named(Protocol):
    """What names a picture."""

    name: str
    path: Path


Named = TypeVar("Named", bound=_Named)


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """K (3, 3)."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def hold_out(shots: list[Shot], kind: str) -> tuple[list[Shot], list[Shot], tuple[str, ...]]:
    """Training and test views where a dataset doesn't say which are the latter, and a note on it.

    Args:
        kind: what the views are called in the note.
    """
    held_out = shots[::HOLD_OUT_EVERY]
    kept = [shot for index, shot in enumerate(shots) if index % HOLD_OUT_EVERY]
    note = (
        f"There is no test split: every {HOLD_OUT_EVERY}th {kind}, {len(held_out)} of {len(shots)}, "
        "is held out and not trained on."
    )
    return kept, held_out, (note,)


def present(listed: list[Named], named_by: Path) -> tuple[list[Named], tuple[str, ...]]:
    """What has its picture, by the order of the names, and a note on the rest.

    Lists made from videos and by selection often name pictures that were thrown away.

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
    return there, (f"{len(missing)} of the {len(listed)} images it names are missing, such as {missing[0].name}.",)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures right in a folder, by name; without hidden ones, such as macOS puts beside each file.

    Raises:
        DatasetError: the folder can't be listed.
    """
    try:
        return sorted(
            path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.name[0] != "."
        )
    except OSError as error:
        raise DatasetError(f"{folder} can't be listed ({error.strerror}): check its permissions") from error


def image_folder(folder: Path, downscale: int) -> tuple[Path, int]:
    """Where a dataset keeps its pictures, and by how much they are reduced there: as much as asked for, else less,
    else the least there is. Without such a folder it is the dataset's own."""
    stored = {}
    for factor in _STORED_FACTORS:
        inside = folder / ("images" if factor == 1 else f"images_{factor}")
        if os.path.isdir(inside):
            stored[factor] = inside
    if not stored:
        return folder, 1
    suiting = [factor for factor in stored if downscale % factor == 0]
    factor = max(suiting) if suiting else min(stored)
    return stored[factor], factor


def check_number(train: list[Shot], path: Path) -> None:
    """Raise DatasetError if there are too few training views."""
    if len(train) < FEWEST_VIEWS:
        raise DatasetError(f"{path}: expected at least {FEWEST_VIEWS} training views, found {len(train)}: add views")


def counted(progress: Progress, n_pictures: int) -> Callable[[], None]:
    """What to call after each picture of a dataset, so that `progress` is told."""
    done = 0

    def on_read() -> None:
        nonlocal done
        done += 1
        progress(READING_SHARE * done / n_pictures, f"reading image {done} of {n_pictures}")

    return on_read


def views_of(
    shots: list[Shot], header: Header, named_by: Path, downscale: int, on_read: Callable[[], None]
) -> tuple[Views, tuple[str, ...]]:
    """Read the pictures of some shots, and say what is left out of them.

    Args:
        header: their common one.
        named_by: the file that lists them, for messages.
        on_read: called after each picture.

    Raises:
        DatasetError: see `read_images`; or intrinsics don't fit the pictures, or a lens can't be undone.
    """
    size = header.width, header.height
    for shot in shots:
        _check_intrinsics(shot, named_by)
        _check_aspect(shot, size, named_by)
    images = read_images([shot.path for shot in shots], header, downscale, on_read)
    height, width = images.shape[1:3]
    # The principal point is that of the whole picture, also where the reduction left out its last columns.
    scale = [np.array([size[0] / shot.size[0], size[1] / shot.size[1], 1.0])[:, None] for shot in shots]
    K = torch.from_numpy(np.stack([shot.K * s for shot, s in zip(shots, scale, strict=True)])).float()
    K[:, :2] /= downscale
    c2w = torch.from_numpy(np.stack([shot.c2w for shot in shots]))
    camera = Camera(c2w, K, width, height, _lens_of(shots, named_by))
    _check_lens(camera, shots, named_by)
    return Views(camera, images, tuple(shot.name for shot in shots)), _cut_off(size, downscale)


def _check_intrinsics(shot: Shot, named_by: Path) -> None:
    where, longer = f"{named_by} ({shot.name})", max(shot.size)
    if not all(1.0 <= side <= _MOST_PIXELS for side in shot.size):
        raise DatasetError(
            f"{where}: expected a picture's width and height, found {shot.size[0]:g} and {shot.size[1]:g}: correct them"
        )
    focal = shot.K[[0, 1], [0, 1]]
    if not all(_FOCAL_RANGE[0] <= length / longer <= _FOCAL_RANGE[1] for length in focal):
        raise DatasetError(
            f"{where}: expected focal lengths in pixels for a picture of {shot.size[0]:g}x{shot.size[1]:g}, "
            f"found {focal[0]:g} and {focal[1]:g}: correct them"
        )
    centre = shot.K[:2, 2]
    if not (np.abs(centre) <= 10.0 * longer).all():
        raise DatasetError(
            f"{where}: expected the optical axis near the picture of {shot.size[0]:g}x{shot.size[1]:g}, "
            f"found it at {centre[0]:g}, {centre[1]:g}: correct cx and cy"
        )


def _check_aspect(shot: Shot, size: tuple[int, int], named_by: Path) -> None:
    """A picture may have been reduced since its intrinsics were written down; cut or turned it may not be."""
    across, down = size[0] / shot.size[0], size[1] / shot.size[1]
    if abs(across / down - 1.0) > _ASPECT_TOLERANCE:
        raise DatasetError(
            f"{shot.path} is {size[0]}x{size[1]}: {named_by} has intrinsics for {shot.size[0]:g}x{shot.size[1]:g}, "
            "which is another shape; is the picture cut or turned? Restore it or correct the intrinsics"
        )


def _lens_of(shots: list[Shot], named_by: Path) -> Lens | None:
    kinds = {shot.fisheye for shot in shots}
    if len(kinds) > 1:
        raise DatasetError(
            f"{named_by}: expected pictures of one kind of lens, found fisheye and other ones: open them apart"
        )
    distortion = torch.tensor([shot.distortion for shot in shots])
    fisheye = kinds == {True}
    return Lens(distortion, fisheye) if fisheye or bool(distortion.any()) else None


def _check_lens(cameras: Camera, shots: list[Shot], named_by: Path) -> None:
    """Raise DatasetError unless, from the optical axis to the border of each picture, light comes from ever further off
    the axis and goes back to where it came from: where the formula folds the picture it means nothing."""
    if cameras.lens is None:
        return
    along = torch.linspace(0.0, 1.0, 33, dtype=torch.float64)[1:, None]
    right, low = float(cameras.width), float(cameras.height)
    border = torch.tensor(
        [[x, y] for x in (0.0, 0.5 * right, right) for y in (0.0, 0.5 * low, low)], dtype=torch.float64
    )
    for shot, index in zip(shots, range(len(cameras)), strict=True):
        camera = cameras[index].to(torch.float64)
        centre = camera.K[:2, 2]
        points = centre + along[:, None] * (border - centre)  # (32, 9, 2)
        rays_d = rays_through(camera, *points.reshape(-1, 2).T).rays_d
        back = torch.stack(image_points(camera, rays_d), dim=-1).view_as(points)
        angles = torch.arccos((rays_d @ -camera.c2w[:3, 2]).clamp(-1.0, 1.0)).view(points.shape[:2])
        outside = (border - centre).norm(dim=-1) > 1.0
        sound = (back - points).abs().amax(-1) < _LENS_TOLERANCE
        if not (bool(sound[:, outside].all()) and bool((angles.diff(dim=0) > 0.0)[:, outside].all())):
            raise DatasetError(
                f"{named_by} ({shot.name}): expected a lens distortion that can be undone, found one that folds the "
                f"picture ({', '.join(f'{x:g}' for x in shot.distortion)}): correct its coefficients"
            )


def _cut_off(size: tuple[int, int], downscale: int) -> tuple[str, ...]:
    """A note on columns and rows that a reduction leaves out."""
    columns, rows = size[0] % downscale, size[1] % downscale
    if not (columns or rows):
        return ()
    return (
        f"{size[0]}x{size[1]} pixels can't be divided by {downscale}: {columns} columns at the right "
        f"and {rows} rows at the bottom are left out.",
    )


def find_picture(folder: Path, name: str, where: str) -> Path:
    """Where a picture named in a dataset's file is, which must be in the dataset's folder: a downloaded file must not
    name others of the disk.

    Backslashes part folders too; a missing suffix is found; of an absolute path the longest end that exists below the
    folder counts, for datasets are moved.

    Returns:
        The path; what isn't there and has no suffix gets the first one.

    Raises:
        DatasetError: the name leads out of the folder.
    """
    plain = name.strip().replace("\\", "/")
    root = Path(os.path.normpath(folder))
    path = Path(os.path.normpath(root / plain))
    found = _picture_at(path) if path.is_relative_to(root) and path != root else None
    if found is None and (plain.startswith("/") or plain[1:2] == ":"):
        parts = [part for part in plain.split("/") if part]
        ends = [root.joinpath(*parts[first:]) for first in range(len(parts)) if ".." not in parts[first:]]
        found = next(filter(None, map(_picture_at, ends)), None)
    if found is None and (not path.is_relative_to(root) or path == root):
        raise DatasetError(
            f"{where}: expected file_path inside {folder}, found {name!r}: move the picture there and correct the path"
        )
    return found or (
        path if path.suffix.lower() in PICTURE_SUFFIXES else path.with_name(path.name + PICTURE_SUFFIXES[0])
    )


def _picture_at(path: Path) -> Path | None:
    """The file of that name, or of that name and any of the suffixes, if there is one."""
    for suffix in ("", *PICTURE_SUFFIXES):
        for spelling in dict.fromkeys((suffix, suffix.upper())):
            candidate = path.parent / (path.name + spelling)
            if os.path.isfile(candidate):
                return candidate
    return None
