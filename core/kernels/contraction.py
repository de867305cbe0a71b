"""What a field covers, and where positions lie in the unit cube in which it looks them up. The kernels' side of it;
`core.fields.domain` is the twin in torch.
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
        """As the kernels take it: an origin and factors, the contraction's number, and the frame's axes."""
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
"""No position counts as farther away, in half sides of the box: what is infinite lies where the farthest does."""

# What is no number must stay so, and comparisons with it are false.
PLACES_CODE = """
    auto places_of = [=](int i, int n, Row* at) WIDE {
        const float* xyz = reinterpret_cast<const float*>(positions.data);
        float* to = reinterpret_cast<float*>(at);
        for (int j = 0; j < LANES; ++j)
            for (int axis = 0; axis < 3; ++axis)
                to[axis * LANES + j] = (xyz[3 * (i + (j < n ? j : 0)) + axis] - low[axis]) * inverse_size[axis];
        if (contraction == CONTRACTION_none)
            return;
        const Row one = zeros + 1.0f, farthest = zeros + FARTHEST;
        Row off[3];  // from the box's centre, -1 to 1 inside; or from the frame's origin
        for (int axis = 0; axis < 3; ++axis) {
            off[axis] = contraction == CONTRACTION_ndc ? at[axis] : 2.0f * at[axis] - 1.0f;
            off[axis] = off[axis] > farthest ? farthest : off[axis];
            off[axis] = off[axis] < -farthest ? -farthest : off[axis];
        }
        if (contraction == CONTRACTION_ndc) {
            Row seen[3];
            for (int axis = 0; axis < 3; ++axis)
                seen[axis] = axes.data[axis][0] * off[0] + axes.data[axis][1] * off[1] + axes.data[axis][2] * off[2];
            const Row nearness = 1.0f / (seen[2] < one ? one : seen[2]);
            for (int axis = 0; axis < 2; ++axis) {
                const Row share = 0.5f + 0.5f * seen[axis] * nearness;
                at[axis] = share < zeros ? zeros : share > one ? one : share;
            }
            at[2] = 1.0f - nearness;
            return;
        }
        Row distance = zeros;
        for (int axis = 0; axis < 3; ++axis) {
            const Row size = off[axis] < zeros ? -off[axis] : off[axis];
            if (contraction == CONTRACTION_sphere)
                distance += size * size;
            else
                distance = size > distance ? size : distance;
        }
        if (contraction == CONTRACTION_sphere)
            distance = root_of(distance);
        distance = distance < one ? one : distance;
        const Row shrunk = 0.25f * (2.0f - 1.0f / distance) / distance;
        for (int axis = 0; axis < 3; ++axis)
            at[axis] = 0.5f + shrunk * off[axis];
    };
"""
"""Where samples lie in the cube. The code around it has what `Space.arguments` gives, as `low`, `inverse_size`,
`contraction` and `axes`, besides `positions` and rows."""
for _number, _name in enumerate(get_args(Contraction)):
    PLACES_CODE = PLACES_CODE.replace(f"CONTRACTION_{_name}", str(_number))
PLACES_CODE = PLACES_CODE.replace("FARTHEST", f"{FARTHEST:g}f")
