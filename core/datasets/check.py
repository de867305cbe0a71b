"""Looks a dataset over before anyone trains on it: what it is, what it needs, and what seems wrong with it."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.cameras import Camera
from core.datasets import open_dataset
from core.datasets.base import Dataset, Progress, Views
from core.datasets.images import free_memory
from core.settings import Box

_FEW_VIEWS = 20
_LOOKS_AWAY = 60.0
_NOT_A_ROTATION = 0.01


@dataclass(frozen=True)
class Report:
    """What `check_dataset` found. Angles are in degrees, lengths in scene units.

    Attributes:
        train_size, test_size: width and height in pixels, as opened (after the reduction).
        focal: horizontal and vertical, in pixels.
        fov: horizontal and vertical.
        distances: the smallest and largest distance of a training camera from the box's centre.
        off_centre: the smallest and largest angle between a training camera's axis and the box's centre.
        image_bytes: memory of the images as they are kept; free_bytes: what is free beside them, None if unknown.
        notes: what the reader decided; warnings: what seems wrong.
    """

    path: Path
    format: str
    downscale: int
    n_train: int
    n_test: int
    train_size: tuple[int, int]
    test_size: tuple[int, int]
    has_alpha: bool
    focal: tuple[float, float]
    fov: tuple[float, float]
    distances: tuple[float, float]
    off_centre: tuple[float, float]
    box: Box
    image_bytes: int
    free_bytes: int | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report as text, one line per fact."""
        free = "unknown" if self.free_bytes is None else f"{self.free_bytes / 1e6:,.0f} MB"
        reduced = f", reduced by {self.downscale}" if self.downscale > 1 else ""
        sides = (f"{high - low:.3g}" for low, high in zip(self.box[:3], self.box[3:], strict=True))
        return [
            f"dataset    {self.path}",
            f"format     {self.format}",
            f"training   {self.n_train} views, {_size(self.train_size)} pixels{reduced}",
            f"test       {self.n_test} views, {_size(self.test_size)} pixels{reduced}",
            f"alpha      {'yes' if self.has_alpha else 'no'}",
            f"cameras    focal length {self.focal[0]:.2f} x {self.focal[1]:.2f} pixels, "
            f"field of view {self.fov[0]:.1f} x {self.fov[1]:.1f} degrees",
            f"           {_range(self.distances, '.4g')} units from the box's centre, "
            f"which lies {_range(self.off_centre, '.1f')} degrees off their axes",
            f"box        {_corner(self.box[:3])} to {_corner(self.box[3:])}, sides {' x '.join(sides)}",
            f"memory     {self.image_bytes / 1e6:,.1f} MB for the images, {free} free beside them",
            *(f"note       {note}" for note in self.notes),
            *(f"warning    {warning}" for warning in self.warnings),
        ]


def check_dataset(path: str | Path, downscale: int = 1, progress: Progress | None = None) -> Report:
    """Open a dataset wholly, every image too, and report on it.

    Args:
        path, downscale, progress: as for `core.datasets.open_dataset`.

    Raises:
        DatasetError: it can't be opened; the message says what is wrong.
    """
    dataset = open_dataset(path, downscale, progress)
    cameras = dataset.train.cameras
    distances, angles = _towards_centre(cameras, dataset.box)
    K = cameras.K[0]
    fov = (_degrees(cameras.width, float(K[0, 0])), _degrees(cameras.height, float(K[1, 1])))
    return Report(
        path=dataset.path,
        format=dataset.format,
        downscale=downscale,
        n_train=len(dataset.train),
        n_test=len(dataset.test),
        train_size=(cameras.width, cameras.height),
        test_size=(dataset.test.cameras.width, dataset.test.cameras.height),
        has_alpha=dataset.train.has_alpha,
        focal=(float(K[0, 0]), float(K[1, 1])),
        fov=fov,
        distances=(float(distances.min()), float(distances.max())),
        off_centre=(float(angles.min()), float(angles.max())),
        box=dataset.box,
        image_bytes=dataset.train.images.nbytes + dataset.test.images.nbytes,
        free_bytes=free_memory(),
        notes=dataset.notes,
        warnings=tuple(_warnings(dataset, angles)),
    )


def _towards_centre(cameras: Camera, box: Box) -> tuple[Tensor, Tensor]:
    """Distances (n,) of the cameras from the box's centre, and angles (n,) in degrees between it and their axes."""
    centre = torch.tensor(box).view(2, 3).mean(0)
    towards = centre - cameras.c2w[:, :3, 3]
    distances = torch.linalg.vector_norm(towards, dim=-1)
    forward = torch.nn.functional.normalize(-cameras.c2w[:, :3, 2], dim=-1)
    cosines = (towards * forward).sum(-1) / distances.clamp_min(1e-9)
    return distances, torch.rad2deg(torch.arccos(cosines.clamp(-1.0, 1.0)))


def _warnings(dataset: Dataset, angles: Tensor) -> list[str]:
    train, found = dataset.train, []
    if len(train) < _FEW_VIEWS:
        found.append(f"{len(train)} training views are few: expect holes and floaters; {_FEW_VIEWS} or more do better")
    away = int((angles > _LOOKS_AWAY).sum())
    if away:
        found.append(f"{_of_the_cameras(away, train)} look more than {_LOOKS_AWAY:g} degrees past the box's centre")
    low, high = torch.tensor(dataset.box).view(2, 3)
    origins = train.cameras.c2w[:, :3, 3]
    inside = int(((origins > low) & (origins < high)).all(-1).sum())
    if inside:
        found.append(f"{_of_the_cameras(inside, train)} stand inside the box: set near_plane above 0")
    twins = len(train) - len(torch.unique(train.cameras.c2w.flatten(1), dim=0))
    if twins:
        found.append(f"{_of_the_cameras(twins, train)} have the same pose as another: are the poses right?")
    odd = int(_not_rotations(train.cameras).sum())
    if odd:
        found.append(f"the poses of {_of_the_cameras(odd, train)} are mirrored or sheared, not rotations")
    if train.has_alpha:
        empty = [name for name, image in zip(train.names, train.images, strict=True) if not image[..., 3].any()]
        if empty:
            found.append(f"{len(empty)} training images are wholly transparent, such as {empty[0]}")
    return found


def _not_rotations(cameras: Camera) -> Tensor:
    rotations = cameras.c2w[:, :3, :3]
    skew = (rotations.mT @ rotations - torch.eye(3)).abs().amax((-2, -1))
    return (skew > _NOT_A_ROTATION) | (torch.linalg.det(rotations) < 0.0)


def _of_the_cameras(n: int, views: Views) -> str:
    return f"{n} of the {len(views)} training cameras"


def _degrees(extent: int, focal: float) -> float:
    return math.degrees(2.0 * math.atan(0.5 * extent / focal))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _range(bounds: tuple[float, float], digits: str) -> str:
    low, high = (format(bound, digits) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _corner(corner: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in corner) + ")"
