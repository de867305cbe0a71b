"""What seems wrong with a dataset's poses, and what can be done about it."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.read_options import Axes
from core.config.types import Box
from core.datasets import FORMATS
from core.datasets.bounds.hull import point_looked_at
from core.datasets.bounds.scene_bounds import CONVERGING, find_outliers, largest_turn
from core.datasets.dataset import Dataset, Views, list_names
from core.geometry.cameras import Camera

_FEW_VIEWS = 20
_LOOKS_AWAY = 60.0
_NOT_A_ROTATION = 0.01

_LOOKS_AT = 20.0
"""A camera looks at what lies within this many degrees of its axis."""

_ALL, _MOST = 0.95, 0.6
"""Shares of the cameras from which on the report says "all" and "most"."""

_FEW_PIXELS = 16
"""Images with a shorter side are too small to learn from."""

_OTHER_AXES: dict[Axes, str] = {
    "opengl": "the poses have OpenCV's axes (y down, z forward) where OpenGL's are expected (y up, z back): "
    "open it with --axes opencv",
    "opencv": "the poses have OpenGL's axes (y up, z back) and no --axes opencv is needed",
}
"""What may be wrong where cameras look away, by the axes they were opened with."""

_MOST_NAMES = 6

_FEWEST_TO_JUDGE = 3
"""Fewer cameras than this are not judged by their axes."""


class Remedy(StrEnum):
    """What may help with a single click."""

    OTHER_AXES = "other axes"
    LEAVE_OUT = "leave out"
    REDUCE = "reduce"


class Finding(NamedTuple):
    """Something that seems wrong with a dataset.

    Attributes:
        text: one sentence.
        grave: whether hardly anything can be learnt until it is fixed.
        remedy: None where nothing simple helps.
        views: indices of the training views concerned, the worst first.
    """

    text: str
    grave: bool = False
    remedy: Remedy | None = None
    views: tuple[int, ...] = ()


def find_pose_problems(dataset: Dataset) -> Iterator[Finding]:
    """What seems wrong with the training cameras' positions and directions, the gravest first."""
    train, cameras = dataset.train, dataset.train.cameras
    apart = find_outliers(cameras)
    if _axes_are_reversed(cameras[~apart]):
        yield _looking_away(dataset)
    odd = _indices(_not_rotations(cameras))
    if odd:
        yield _finding_on(train, odd, "have mirrored or sheared poses, not rotations")
    yield from _equal_poses(train)
    if bool(apart.any()):
        yield _finding_on(train, _indices(apart), "stand far away from all others")
    shortest = int(cameras.extent.min())
    if shortest < _FEW_PIXELS:
        yield Finding(f"images of {shortest} pixels a side show hardly anything: open larger ones, or reduce them less")
    if len(train) < _FEW_VIEWS:
        yield Finding(f"{len(train)} training views are few: expect holes and floaters; {_FEW_VIEWS} or more do better")
    away = int((view_angles(cameras, dataset.box)[1] > _LOOKS_AWAY).sum())
    if away:
        yield Finding(f"{_of_the_cameras(away, train)} look more than {_LOOKS_AWAY:g} degrees past the box's centre")
    low, high = torch.tensor(dataset.box).view(2, 3)
    origins = cameras.c2w[:, :3, 3]
    inside = int(((origins > low) & (origins < high)).all(-1).sum())
    if inside and dataset.near_plane == 0.0:
        yield Finding(f"{_of_the_cameras(inside, train)} stand inside the box: set near_plane above 0")


def gaze(cameras: Camera) -> str:
    """In words, whether the cameras look at a common place, and how closely."""
    cameras = cameras[~find_outliers(cameras)]
    point, spread = point_looked_at(cameras), largest_turn(-cameras.c2w[:, :3, 2])
    if spread <= CONVERGING:
        return f"they look the same way, within {spread:.0f} degrees"
    if point is None:
        return "they look at no common place: their axes part"
    angles = _towards(cameras, point)[1]
    n, near = len(cameras), int((angles <= _LOOKS_AT).sum())
    who = "all" if near >= _ALL * n else "most" if near >= _MOST * n else "few"
    return (
        f"{who} look at a common place: it lies within {_LOOKS_AT:g} degrees of {near} of the {n} axes, "
        f"{float(angles.median()):.1f} in the median"
    )


def view_angles(cameras: Camera, box: Box) -> tuple[Tensor, Tensor]:
    """Distances (n,) of the cameras from the box's centre, and angles (n,) in degrees between it and their axes."""
    return _towards(cameras, torch.tensor(box).view(2, 3).mean(0))


def _towards(cameras: Camera, point: Tensor) -> tuple[Tensor, Tensor]:
    towards = point - cameras.c2w[:, :3, 3]
    distances = torch.linalg.vector_norm(towards, dim=-1)
    forward = torch.nn.functional.normalize(-cameras.c2w[:, :3, 2], dim=-1)
    cosines = (towards * forward).sum(-1) / distances.clamp_min(1e-9)
    return distances, torch.rad2deg(torch.arccos(cosines.clamp(-1.0, 1.0)))


def _looking_away(dataset: Dataset) -> Finding:
    away = "the cameras look away from their common centre, as in a room photographed from its centre"
    if not any(form.any_axes for form in FORMATS.values() if form.name == dataset.format):
        return Finding(away)  # the format says which axes its cameras have, so the room is real
    return Finding(f"{away}; or {_OTHER_AXES[dataset.reading.axes]}", grave=True, remedy=Remedy.OTHER_AXES)


def _equal_poses(train: Views) -> Iterator[Finding]:
    """Findings on cameras with the same pose, and the same time if any, as an earlier one."""
    first: dict[tuple, int] = {}
    poses, times = train.cameras.c2w.tolist(), train.cameras.times
    moments = [None] * len(poses) if times is None else times.tolist()
    seen = [(time, str(pose)) for pose, time in zip(poses, moments, strict=True)]
    twins = tuple(i for i, key in enumerate(seen) if first.setdefault(key, i) != i)
    if twins:
        yield _finding_on(train, twins, "have the same pose as another: are the poses right?")


def _finding_on(train: Views, views: tuple[int, ...], what: str) -> Finding:
    """A finding on some cameras, which can be left out unless they are the majority."""
    text = f"{_of_the_cameras(len(views), train)} {what}{'' if what[-1] == '?' else ':'} {list_views(train, views)}"
    most = len(views) > 0.5 * len(train)
    return Finding(text, grave=most, remedy=None if most else Remedy.LEAVE_OUT, views=views)


def list_views(views: Views, indices: tuple[int, ...]) -> str:
    """The names of some views, as many as fit a line."""
    return list_names([views.names[i] for i in indices], _MOST_NAMES)


def _axes_are_reversed(cameras: Camera) -> bool:
    """Whether the optical axes meet behind most cameras, and reversed meet in front of them."""
    if point_looked_at(cameras) is not None or len(cameras) < _FEWEST_TO_JUDGE:
        return False
    over = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    return point_looked_at(replace(cameras, c2w=cameras.c2w @ over)) is not None


def _not_rotations(cameras: Camera) -> Tensor:
    rotations = cameras.c2w[:, :3, :3]
    skew = (rotations.mT @ rotations - torch.eye(3)).abs().amax((-2, -1))
    return (skew > _NOT_A_ROTATION) | (torch.linalg.det(rotations) < 0.0)


def _indices(chosen: Tensor) -> tuple[int, ...]:
    return tuple(chosen.nonzero().flatten().tolist())


def _of_the_cameras(n: int, views: Views) -> str:
    return f"{n} of the {len(views)} training cameras"
