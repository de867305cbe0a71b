"""Where a scene is, when no silhouettes tell: a box around what the cameras look at, and levels around that.

The box is the finest level of nested grids; each further level covers twice its size about the same centre. All
lengths are in the dataset's own units, and its axes stay as they are.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.cameras import Camera
from core.datasets.hull import point_looked_at
from core.settings import Box

_MOST_LEVELS = 6

_ROOM_LEVELS = 5
"""Levels around something that cameras look at from several sides, where nothing says how far the background is: the
coarsest box reaches some seven times the cameras' distance."""

_CONVERGING = 20.0
"""Degrees that optical axes must differ by, at most, for the point nearest to all of them to mean something."""

_NEARLY = 15.0
"""Degrees between an axis and what counts as that axis."""

_ONE_PLACE = 1e-4
"""Cameras nearer to each other than this share of their coordinates stand at one place, but for rounding."""

_OUTWARDS = 0.5
"""Optical axes whose mean is shorter than this look all around, rather than the same way."""

_FRAMED = 1.1
"""The box is larger by this than what a frame shows at its centre."""

_NEAR_SHARE = 0.1
"""Without known depths nothing is expected nearer than this share of the distance to what is looked at."""

_NEAR_MARGIN = 0.9
"""Known smallest depths are met a little sooner, for they are of some points only."""


class Placement(NamedTuple):
    """Where a scene lies.

    Attributes:
        box: the finest level's bounds, x0 y0 z0 x1 y1 z1.
        n_levels: of the nested grids.
        near_plane: the distance from a camera below which nothing is.
        up: the unit vector that points upwards.
        note: how this was found, for the user.
    """

    box: Box
    n_levels: int
    near_plane: float
    up: tuple[float, float, float]
    note: str


def place(cameras: Camera, near: float | None = None, far: float | None = None) -> Placement:
    """Find a scene's place from its cameras.

    Args:
        cameras: the training views'.
        near, far: the smallest and largest depth that is known of what they see; None where nothing is.
    """
    origins, forward = cameras.c2w[:, :3, 3], -cameras.c2w[:, :3, 2]
    looked_at = point_looked_at(cameras)
    slope = float(0.5 * (cameras.extent[0].double() / cameras.K[0, [0, 1], [0, 1]].double()).min())
    spread = float(torch.linalg.vector_norm(origins - origins.mean(0), dim=-1).max())
    if spread < _ONE_PLACE * float(origins.abs().max()):
        spread = 0.0
    if looked_at is not None and _turned(forward) > _CONVERGING:
        centre, how = looked_at, "around the point that the cameras look at"
        distance = float(torch.linalg.vector_norm(origins - centre, dim=-1).median())
        half, reach = _FRAMED * slope * distance, None if far is None else far + distance
    else:
        known = near is not None and far is not None
        distance = 2.0 / (1.0 / near + 1.0 / far) if known else 3.0 * spread or 1.0
        how = "before cameras that look the same way, " + (
            "at the depths that the dataset names" if known else "at a guessed depth of three times their spread"
        )
        centre = origins.mean(0) + distance * torch.nn.functional.normalize(forward.mean(0), dim=0)
        if float(forward.mean(0).norm()) < _OUTWARDS:
            centre, how = origins.mean(0), "around cameras that look outwards"
        half, reach = _FRAMED * slope * distance + spread, None if far is None else far - distance
    n_levels = _ROOM_LEVELS if reach is None else _levels_for(reach / half)
    near_plane = _rounded(_NEAR_SHARE * distance if near is None else _NEAR_MARGIN * near)
    box = tuple(torch.cat([centre - half, centre + half]).tolist())
    coarsest = 2.0 * half * 2 ** (n_levels - 1)
    note = (
        f"The scene is taken to lie {how}: a box of {2.0 * half:.3g} units a side, {n_levels} levels of which the "
        f"coarsest has {coarsest:.3g}, nothing nearer than {near_plane:g} to a camera."
    )
    return Placement(box, n_levels, near_plane, _upwards(cameras), note)


def _upwards(cameras: Camera) -> tuple[float, float, float]:
    """The mean of the pictures' upper sides, or the axis that it nearly is: people hold cameras upright."""
    up = torch.nn.functional.normalize(cameras.c2w[:, :3, 1].mean(0), dim=0)
    axis = int(up.abs().argmax())
    if float(up[axis].abs()) > math.cos(math.radians(_NEARLY)):
        up = torch.zeros(3).index_fill_(0, torch.tensor(axis), math.copysign(1.0, float(up[axis])))
    return tuple(up.tolist())


def _turned(forward: Tensor) -> float:
    """The largest angle in degrees between an optical axis and the mean of all."""
    mean = torch.nn.functional.normalize(forward.mean(0), dim=0)
    return float(torch.rad2deg(torch.arccos((forward @ mean).clamp(-1.0, 1.0)).max()))


def _levels_for(ratio: float) -> int:
    """How many levels reach `ratio` times the half side of the first."""
    return min(_MOST_LEVELS, 1 + max(0, math.ceil(math.log2(max(ratio, 1.0)))))


def _rounded(length: float) -> float:
    return float(f"{length:.2g}")
