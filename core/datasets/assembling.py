"""From shots to datasets: pictures are read, lenses and intrinsics checked, and the scene put in its place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.cameras import Camera, image_points, rays_through
from core.datasets.base import Dataset, Progress, Views
from core.datasets.images import Header, read_images
from core.datasets.placing import place
from core.datasets.shots import Shot
from core.errors import DatasetError
from core.lenses import Lens
from core.settings import Box

FEWEST_VIEWS = 2
"""Training views without which there is nothing to learn."""

READING_SHARE = 0.9
"""Of the opening of a dataset."""

_MOST_PIXELS = 1e6
"""A side of a picture that is longer is a mistake."""

_FOCAL_RANGE = (1e-2, 1e3)
"""Focal lengths, in lengths of the picture's longer side: from more than a fisheye's to the longest telescope's."""

_ASPECT_TOLERANCE = 0.02
_LENS_TOLERANCE = 0.05

Depths = Callable[[Camera], tuple[float | None, float | None]]
"""What is known of the nearest and farthest depth that cameras see."""

Pictures = Callable[[list[Shot], Header, int, Callable[[], None]], Tensor]
"""Reads the pictures of shots: takes their common header, the factor to reduce them by, and what to call after each;
gives (n, height, width, 3 or 4) uint8."""


def read_files(shots: list[Shot], header: Header, downscale: int, on_read: Callable[[], None]) -> Tensor:
    """The pictures of shots that are files; see `read_images`."""
    return read_images([shot.path for shot in shots], header, downscale, on_read)


def dataset_of_shots(
    opened: Path,
    format_name: str,
    splits: tuple[list[Shot], list[Shot]],
    header: Header,
    named_by: Path,
    downscale: int,
    progress: Progress,
    notes: tuple[str, ...],
    depths: Depths = lambda cameras: (None, None),
    box: Box | None = None,
    read: Pictures = read_files,
) -> Dataset:
    """The dataset of photos of a place.

    Args:
        opened: the folder or file that was.
        splits: training and test shots.
        header: of all pictures.
        named_by: the file or folder that lists them, for messages.
        downscale: of the pictures as they are there.
        notes: what is known so far.
        box: the scene's bounds where the dataset names them; None: they are found.
        read: the shots' pictures.

    Raises:
        DatasetError: there are too few training views; see `views_of`.
    """
    train, test, when = timed(*splits)
    check_number(train, named_by)
    on_read = counted(progress, len(train) + len(test))
    train_views, cut_off = views_of(train, header, named_by, downscale, on_read, read)
    test_views, _ = views_of(test, header, named_by, downscale, on_read, read)
    progress(1.0, "placing the scene")
    notes += cut_off + when
    name = opened.stem if opened.is_file() else opened.name
    if box is not None:
        return Dataset(name, opened, format_name, train_views, test_views, box, notes)
    found = place(train_views.cameras, *depths(train_views.cameras))
    return Dataset(
        name,
        opened,
        format_name,
        train_views,
        test_views,
        found.box,
        (*notes, found.note),
        n_levels=found.n_levels,
        near_plane=found.near_plane,
        up=found.up,
    )


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
    shots: list[Shot],
    header: Header,
    named_by: Path,
    downscale: int,
    on_read: Callable[[], None],
    read: Pictures = read_files,
) -> tuple[Views, tuple[str, ...]]:
    """Read the pictures of some shots, and say what is left out of them.

    Args:
        header: their common one.
        named_by: the file that lists them, for messages.
        on_read: called after each picture.
        read: the pictures.

    Raises:
        DatasetError: see `read`; or intrinsics don't fit the pictures, or a lens can't be undone.
    """
    size = header.width, header.height
    for shot in shots:
        _check_intrinsics(shot, named_by)
        _check_aspect(shot, size, named_by)
    images = read(shots, header, downscale, on_read)
    height, width = images.shape[1:3]
    # The principal point is that of the whole picture, also where the reduction left out its last columns.
    scale = [np.array([size[0] / shot.size[0], size[1] / shot.size[1], 1.0])[:, None] for shot in shots]
    K = torch.from_numpy(np.stack([shot.K * s for shot, s in zip(shots, scale, strict=True)])).float()
    K[:, :2] /= downscale
    c2w = torch.from_numpy(np.stack([shot.c2w for shot in shots]))
    camera = Camera(c2w, K, width, height, _lens_of(shots, named_by), _times_of(shots))
    _check_lens(camera, shots, named_by)
    return Views(camera, images, tuple(shot.name for shot in shots)), _cut_off(size, downscale)


def timed(train: list[Shot], test: list[Shot]) -> tuple[list[Shot], list[Shot], tuple[str, ...]]:
    """Training and test shots with their times from 0 to 1, and a note where the training shots have several.

    D-NeRF's times (Pumarola et al. 2021) are so already; others, such as seconds, are counted from the first to the
    last of all shots.
    """
    moments = [shot.time for shot in train if shot.time is not None]
    if len(set(moments)) < 2:
        return train, test, ()
    low, high = min(moments), max(moments)
    note = (
        f"The views carry times, {low:g} to {high:g}, so the field is ngp-t unless another is chosen: it and tnerf "
        "learn what moves, the others blur it."
    )
    everything = [*moments, *(shot.time for shot in test if shot.time is not None)]
    first, last = min(everything), max(everything)
    if first < 0.0 or last > 1.0:
        train, test = (_counted_from(shots, first, last) for shots in (train, test))
        note += f" They are counted from 0 at {first:g} to 1 at {last:g}."
    return train, test, (note,)


def _counted_from(shots: list[Shot], first: float, last: float) -> list[Shot]:
    return [shot if shot.time is None else shot._replace(time=(shot.time - first) / (last - first)) for shot in shots]


def _times_of(shots: list[Shot]) -> Tensor | None:
    """When shots were taken, (n,) float32, if that is known of all."""
    times = [shot.time for shot in shots]
    return torch.tensor(times, dtype=torch.float32) if times and None not in times else None


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
