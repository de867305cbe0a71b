"""The space that a field covers, as kernels take it; `core.fields.domain.in_unit_cube` is the twin in torch of
`cpp/contraction.h`, which maps it to the unit cube.
"""

import math
from functools import cache
from typing import NamedTuple, get_args

import warp as wp

from core.config.contractions import ENDLESS, Contraction
from core.config.types import Box
from core.geometry.placement import NdcFrame


class Space(NamedTuple):
    """What a field covers, and how that fits into the unit cube. Inside the cube m is the distance from its middle, in
    quarters of a side.

    Attributes:
        box: x0 y0 z0 x1 y1 z1.
        contraction: "none": the box is the cube, and what lies outside of it isn't covered. "max" and "sphere" cover
            all space: the box takes the cube's middle half a side, and a point m > 1 times as far from its centre as
            its faces comes to lie at 2 - 1 / m (Barron et al. 2022, equation 10). m is the largest of the three axes,
            so that boxes stay boxes, or their Euclidean norm: the ball in the box stays as it is, and directions stay
            directions. "ndc" covers what lies before cameras that face one way, see `NdcFrame`.
        frame: of "ndc".
    """

    box: Box
    contraction: Contraction = "none"
    frame: NdcFrame | None = None

    @property
    def endless(self) -> bool:
        """Whether rays go on behind all boxes; with "max" they end with the outermost of the nested ones."""
        return self.contraction in ENDLESS

    @property
    def diagonal(self) -> float:
        """Of the box."""
        return math.dist(self.box[:3], self.box[3:])

    def arguments(self) -> list:
        """Arguments of kernels: an origin and factors, the contraction's number, and the frame's axes."""
        return _arguments(self)


@cache
def _arguments(space: Space) -> list:
    number = get_args(Contraction).index(space.contraction)
    if space.frame is not None:
        return [wp.vec3f(*space.frame.origin), wp.vec3f(1.0, 1.0, 1.0), number, wp.mat33f(*space.frame.axes)]
    low, high = space.box[:3], space.box[3:]
    inverse_size = wp.vec3f(*(1.0 / (b - a) for a, b in zip(low, high, strict=True)))
    return [wp.vec3f(*low), inverse_size, number, wp.mat33f()]


UNIT_CUBE = Space((0.0, 0.0, 0.0, 1.0, 1.0, 1.0))

FARTHEST = 1e15
"""Positions are clamped to this distance, in half sides of the box; `cpp/contraction.h` says the same."""
