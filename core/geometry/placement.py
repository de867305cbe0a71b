"""Where a scene lies: its box, the nested levels around it, its near plane and its up. Pure.

All lengths are in the dataset's own units, and its axes stay as they are.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from core.config.setting import Setting, validate
from core.config.types import Box
from core.geometry.boxes import outer_box, sides_of

MOST_LEVELS = 6

AXES: dict[str, tuple[float, float, float]] = {
    "+x": (1.0, 0.0, 0.0),
    "-x": (-1.0, 0.0, 0.0),
    "+y": (0.0, 1.0, 0.0),
    "-y": (0.0, -1.0, 0.0),
    "+z": (0.0, 0.0, 1.0),
    "-z": (0.0, 0.0, -1.0),
}
"""The axes that can be up, in the order of `next_up`."""

FLATTEST = 100.0
"""The largest ratio of a box's longest side to its shortest: the grid has equally many cells along each."""

_LONGEST, _FARTHEST = 1e6, 1e6
"""The longest side in units, and the largest distance from the origin in shortest sides: float32 resolves no more."""


class Place(NamedTuple):
    """Where a scene lies.

    Attributes:
        box: the finest level's bounds, x0 y0 z0 x1 y1 z1.
        n_levels: nested grids, each twice as large as the one before it, about the same centre.
        near_plane: the distance from each camera within which the scene is empty.
        up: the unit vector that points upwards.
    """

    box: Box
    n_levels: int = 1
    near_plane: float = 0.0
    up: tuple[float, float, float] = AXES["+z"]


class NdcFrame(NamedTuple):
    """The frame of cameras that face one way: one camera behind all of them, whose normalised device coordinates
    (Mildenhall et al. 2020, appendix C) cover all that they see.

    A position p has (u, v, d) = axes (p - origin), where d is its depth in near planes, and maps to
    (0.5 + 0.5 u / d, 0.5 + 0.5 v / d, 1 - 1 / d) in the unit cube. Positions before the near plane, or outside of all
    pictures, are clamped to the cube's sides.

    Attributes:
        origin: where the camera stands.
        axes: three rows, right, up and forward, each scaled so that the scene fills the cube.
    """

    origin: tuple[float, float, float]
    axes: tuple[float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True)
class PlaceOverrides:
    """What a user sets of a scene's place; None keeps what was found."""

    box: Annotated[Box | None, Setting("The scene's bounds in its own units: x0 y0 z0 x1 y1 z1.")] = None
    levels: Annotated[
        int | None,
        Setting(
            "Nested boxes, the scene's own the first, each twice as large as the one before it.",
            low=1,
            high=MOST_LEVELS,
        ),
    ] = None
    up: Annotated[Literal["+x", "-x", "+y", "-y", "+z", "-z"] | None, Setting("The axis that points upwards.")] = None

    def __post_init__(self) -> None:
        validate(self)
        if self.box is not None and (found := find_problem(Place(self.box))):
            raise ValueError(found)


def override_place(place: Place, **values: Any) -> Place:
    """A place with values of `PlaceOverrides`, by name, instead of its own.

    Raises:
        ValueError: a value is out of range.
    """
    overrides = PlaceOverrides(**values)
    return Place(
        place.box if overrides.box is None else overrides.box,
        place.n_levels if overrides.levels is None else overrides.levels,
        place.near_plane,
        place.up if overrides.up is None else AXES[overrides.up],
    )


def find_problem(place: Place) -> str:
    """Why no scene can be trained in a place, in one line that says what would help; "" if one can."""
    low, high = place.box[:3], place.box[3:]
    if not all(map(math.isfinite, (*place.box, place.near_plane))):
        return f"a place needs finite numbers, got {_numbers(place.box)} and near {place.near_plane:g}: correct them"
    for axis, a, b in zip("xyz", low, high, strict=True):
        if a >= b:
            return f"the box must begin before it ends, got {a:.4g} to {b:.4g} along {axis}: exchange or move them"
    sides = sides_of(place.box)
    if max(sides) > FLATTEST * min(sides):
        return (
            f"the box's sides must be within {FLATTEST:g} times each other, got {_numbers(sides, ' x ')}: "
            "make it less flat"
        )
    if max(sides) > _LONGEST or max(map(abs, place.box)) > _FARTHEST * min(sides):
        return f"the box {_numbers(place.box)} is too large, or too far from the origin for its size: make it ordinary"
    if not 1 <= place.n_levels <= MOST_LEVELS:
        return f"there may be 1 to {MOST_LEVELS} levels, got {place.n_levels}: choose a number among these"
    if place.near_plane < 0.0:
        return f"the near plane lies before a camera, at 0 or more units, got {place.near_plane:g}: choose a distance"
    return ""


def outermost_box(place: Place) -> Box:
    """The bounds of the outermost level."""
    return outer_box(place.box, place.n_levels)


def next_up(up: tuple[float, float, float]) -> tuple[float, float, float]:
    """The axis after this one in `AXES`; for a direction that is no axis, the nearest axis."""
    axes = list(AXES.values())
    nearest = max(axes, key=lambda axis: sum(a * b for a, b in zip(axis, up, strict=True)))
    return axes[(axes.index(nearest) + 1) % len(axes)] if axis_name(up) else nearest


def axis_name(up: tuple[float, float, float]) -> str:
    """The name of an up, such as "+z"; "" if it is no axis."""
    return next((name for name, axis in AXES.items() if math.dist(axis, up) < 1e-6), "")


def up_text(up: tuple[float, float, float]) -> str:
    """An up in words: the name of an axis, or else its three numbers."""
    return axis_name(up) or f"({_numbers(up)})"


def _numbers(values: tuple[float, ...], between: str = " ") -> str:
    return between.join(f"{value:.4g}" for value in values)
