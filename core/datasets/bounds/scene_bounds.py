"""Where a scene without silhouettes lies: a box around what the cameras look at, and nested levels around it.

The box is the finest level of nested grids; each further level covers twice its size about the same centre. All
lengths are in the dataset's own units, and its axes stay as they are.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.datasets.bounds.hull import cell_centers, find_box, point_looked_at
from core.datasets.dataset import Dataset
from core.geometry.boxes import distances_to_box, sides_of
from core.geometry.cameras import Camera, sees
from core.geometry.placement import MOST_LEVELS, Place, find_problem, outermost_box, override_place, up_text

_ROOM_LEVELS = 5
"""Levels around a scene that cameras look at from several sides, where the background's distance is unknown: the
coarsest box reaches about seven times the cameras' distance."""

CONVERGING = 20.0
"""Degrees of spread above which the point nearest to all optical axes is meaningful."""

_NEARLY = 15.0
"""Degrees from an axis within which a direction counts as that axis."""

_ONE_PLACE = 1e-4
"""Cameras nearer to each other than this share of their coordinates stand at one place, up to rounding."""

_OUTWARDS = 0.5
"""If the mean of the optical axes is shorter than this, the cameras look all around, not the same way."""

_FRAMED = 1.1
"""How much larger the box is than what a frame shows at its centre."""

_NEAR_SHARE = 0.1
"""The near plane where no depths are known, as a share of the distance to what the cameras look at."""

_NEAR_MARGIN = 0.9
"""The near plane as a share of the smallest known depth, which is that of a few points only."""

_MOST_POINTS = 20_000
_NEAREST, _FARTHEST = 0.01, 0.99
"""Quantiles of the points' depths that bound the scene: a few points are always wrong."""

OUTLIER_DISTANCE = 6.0
"""A camera more than this many times the median distance away from the cameras' middle is an outlier."""

_LOOKED_FOR = 8
"""Cells per side of the box; a camera must see the centre of at least one."""


def place_of(dataset: Dataset) -> Place:
    """A dataset's present place."""
    return Place(dataset.box, dataset.n_levels, dataset.near_plane, dataset.up)


def place_at(dataset: Dataset, place: Place) -> Dataset:
    """The dataset in another place. Its cameras and points stay as they are, and it remembers its original place."""
    named = dataset.named or place_of(dataset)
    return replace(
        dataset, box=place.box, n_levels=place.n_levels, near_plane=place.near_plane, up=place.up, named=named
    )


def apply_place_overrides(dataset: Dataset, overrides: Mapping[str, Any]) -> Dataset:
    """The dataset with its place overridden by values of `PlaceOverrides`; without any, the dataset itself.

    Raises:
        ValueError: a value is out of range, or nothing could be learnt in that place.
    """
    if not overrides:
        return dataset
    place = override_place(place_of(dataset), **overrides)
    check_place(place, dataset.train.cameras)
    sides = " x ".join(f"{side:.3g}" for side in sides_of(place.box))
    note = f"It was moved, as asked: a box of {sides} units, {place.n_levels} levels, {up_text(place.up)} is up."
    return replace(place_at(dataset, place), notes=(*dataset.notes, note))


def check_place(place: Place, cameras: Camera) -> None:
    """Raise ValueError, in one line that says what would help, if nothing could be learnt there.

    Args:
        cameras: of the training views.
    """
    if found := find_problem(place):
        raise ValueError(found)
    centres = cell_centers(place.box, _LOOKED_FOR, cameras.c2w.device)
    if not any(bool(sees(cameras[index], centres).any()) for index in range(len(cameras))):
        raise ValueError("no camera sees anything of the box: move it before the cameras, or let it be fitted")
    farthest = max(distances_to_box(outermost_box(place), at)[1] for at in cameras.c2w[:, :3, 3].tolist())
    if place.near_plane >= farthest:
        raise ValueError(
            f"the near plane must lie before the scene's end, at {farthest:.4g} units from the farthest camera, got "
            f"{place.near_plane:g}: choose less"
        )


def fit_place(dataset: Dataset) -> Place:
    """The place that silhouettes, points and cameras suggest, wherever the dataset lies now."""
    named = dataset.named or place_of(dataset)
    if dataset.train.can_carve:
        box = find_box(dataset.train)
        return named if box is None else Place(box, up=named.up)
    if dataset.points is None and named.near_plane > 0.0:
        return named  # found when it was opened, from cameras and depths that only its files know
    cameras = dataset.train.cameras
    depths = (None, None) if dataset.points is None else known_depths(cameras, dataset.points)
    return find_place(cameras, *depths)[0]


def find_place(cameras: Camera, near: float | None = None, far: float | None = None) -> tuple[Place, str]:
    """Find a scene's place from its cameras.

    Args:
        cameras: of the training views.
        near, far: the smallest and largest depth that the cameras are known to see; None where unknown.

    Returns:
        The place, and how it was found, for the user.
    """
    cameras = cameras[~find_outliers(cameras)]  # one wrong pose must not move the scene
    origins, forward = cameras.c2w[:, :3, 3], -cameras.c2w[:, :3, 2]
    looked_at = point_looked_at(cameras)
    slope = float(0.5 * (cameras.extent[0].double() / cameras.K[0, [0, 1], [0, 1]].double()).min())
    spread = float(torch.linalg.vector_norm(origins - origins.mean(0), dim=-1).max())
    if spread < _ONE_PLACE * float(origins.abs().max()):
        spread = 0.0
    if looked_at is not None and largest_turn(forward) > CONVERGING:
        centre, how = looked_at, "around the point that the cameras look at"
        distance = float(torch.linalg.vector_norm(origins - centre, dim=-1).median())
        half, reach = _FRAMED * slope * distance, None if far is None else far + distance
    else:
        if near is not None and far is not None:
            distance, at = 2.0 / (1.0 / near + 1.0 / far), "at the depths that the dataset names"
        else:
            distance, at = 3.0 * spread or 1.0, "at an assumed depth of three times their spread"
        same = "look the same way" if largest_turn(forward) <= CONVERGING else "look at no common place"
        how = f"before cameras that {same}, {at}"
        centre = origins.mean(0) + distance * torch.nn.functional.normalize(forward.mean(0), dim=0)
        if float(forward.mean(0).norm()) < _OUTWARDS:
            centre, how = origins.mean(0), "around cameras that look outwards"
        half, reach = _FRAMED * slope * distance + spread, None if far is None else far - distance
    n_levels = _ROOM_LEVELS if reach is None else _levels_for(reach / half)
    near_plane = _rounded(_NEAR_SHARE * distance if near is None else _NEAR_MARGIN * near)
    box = tuple(torch.cat([centre - half, centre + half]).tolist())
    outermost = 2.0 * half * 2 ** (n_levels - 1)
    note = (
        f"The scene is assumed to lie {how}: a box of {2.0 * half:.3g} units a side, {n_levels} levels of which the "
        f"coarsest has {outermost:.3g}, nothing nearer than {near_plane:g} to a camera."
    )
    return Place(box, n_levels, near_plane, _mean_up(cameras)), note


def find_outliers(cameras: Camera) -> Tensor:
    """Which cameras stand far away from all others, (n,) bool."""
    origins = cameras.c2w[:, :3, 3]
    distances = torch.linalg.vector_norm(origins - origins.median(0).values, dim=-1)
    return distances > OUTLIER_DISTANCE * distances.median().clamp_min(1e-9)


def known_depths(cameras: Camera, points: Tensor) -> tuple[float, float] | tuple[None, None]:
    """The depths between which the pictures show points (n, 3), a few outliers aside; None where they show none."""
    points = points[:: max(1, len(points) // _MOST_POINTS)]
    depths = []
    for index in range(len(cameras)):
        camera = cameras[index]
        seen = points[sees(camera, points)]
        depths.append((seen - camera.c2w[:3, 3]) @ -camera.c2w[:3, 2])
    found = torch.cat(depths)
    found = found[found > 0.0].sort().values
    if not len(found):
        return None, None
    near, far = (float(found[int(share * (len(found) - 1))]) for share in (_NEAREST, _FARTHEST))
    return (near, far) if near < far else (None, None)


def _mean_up(cameras: Camera) -> tuple[float, float, float]:
    """The mean up direction of the pictures, snapped to an axis close by: people hold cameras upright."""
    up = torch.nn.functional.normalize(cameras.c2w[:, :3, 1].mean(0), dim=0)
    axis = int(up.abs().argmax())
    if float(up[axis].abs()) > math.cos(math.radians(_NEARLY)):
        up = torch.zeros(3).index_fill_(0, torch.tensor(axis), math.copysign(1.0, float(up[axis])))
    return tuple(up.tolist())


def largest_turn(forward: Tensor) -> float:
    """The largest angle in degrees between an optical axis (n, 3) and the mean of all."""
    mean = torch.nn.functional.normalize(forward.mean(0), dim=0)
    return float(torch.rad2deg(torch.arccos((forward @ mean).clamp(-1.0, 1.0)).max()))


def _levels_for(ratio: float) -> int:
    """How many levels are needed to reach `ratio` times half the first one's side."""
    return min(MOST_LEVELS, 1 + max(0, math.ceil(math.log2(max(ratio, 1.0)))))


def _rounded(length: float) -> float:
    return float(f"{length:.2g}")
