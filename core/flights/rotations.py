"""The quaternion spline that matches a centripetal Catmull-Rom curve, and the roll of cameras about their view axis.

Within a segment the rotation is a product of three exponentials with the cumulative cubic Bernstein polynomials (Kim,
Kim and Shin 1995), whose end velocities are Catmull-Rom's on the same knots. It is C1 and never leaves the rotations.
"""

from typing import Any, cast

import numpy as np
from scipy.spatial.transform import Rotation

LEVEL_FROM, LEVEL_FULL = 0.1, 0.3
"""Sines of the angle between the view axis and up: below the first, roll means nothing."""


class RotationCurve:
    """Rotations at knots, interpolated.

    Args:
        knots: (n,) ascending.
        rotations: n rotations, camera to world.
        velocities: (n, 3) angular velocities at the knots, in the cameras' own axes, per unit of the knots.
    """

    def __init__(self, knots: np.ndarray, rotations: Rotation, velocities: np.ndarray):
        self._knots, self._rotations = knots, rotations
        third = np.diff(knots)[:, None] / 3.0
        self._first, self._last = velocities[:-1] * third, velocities[1:] * third
        whole = rotations[:-1].inv() * rotations[1:]
        middle = Rotation.from_rotvec(-self._first) * whole * Rotation.from_rotvec(-self._last)
        self._middle = middle.as_rotvec()

    def __call__(self, u: np.ndarray) -> Rotation:
        """The rotations at u (m,)."""
        i = np.clip(np.searchsorted(self._knots, u, side="right") - 1, 0, len(self._knots) - 2)
        s = ((u - self._knots[i]) / (self._knots[i + 1] - self._knots[i]))[:, None]
        parts = (1.0 - (1.0 - s) ** 3) * self._first[i], (3.0 - 2.0 * s) * s * s * self._middle[i], s**3 * self._last[i]
        result = self._rotations[cast(Any, i)]  # an array, which SciPy's annotation lacks
        for part in parts:
            result = result * Rotation.from_rotvec(part)
        return result


def turns_between(rotations: Rotation) -> np.ndarray:
    """The rotation vectors (n - 1, 3) from each rotation to the next, in the axes of either."""
    return (rotations[:-1].inv() * rotations[1:]).as_rotvec()


def rolls_of(rotations: Rotation, up: np.ndarray) -> np.ndarray:
    """How far cameras are rolled about their view axis, (n,) in (-pi, pi]; 0: `up` points upwards in the picture."""
    right, above, back = np.moveaxis(rotations.as_matrix(), -1, 0)
    level = np.cross(up, back)
    return np.arctan2((level * above).sum(-1), (level * right).sum(-1))


def steepness(rotations: Rotation, up: np.ndarray) -> np.ndarray:
    """The sine of the angle between each camera's view axis and `up`, (n,)."""
    return np.linalg.norm(np.cross(up, rotations.as_matrix()[..., 2]), axis=-1)


def with_rolls(rotations: Rotation, rolls: np.ndarray, up: np.ndarray) -> Rotation:
    """The rotations with other rolls (n,), as far as roll means something: not for cameras that look along `up`."""
    share = np.clip((steepness(rotations, up) - LEVEL_FROM) / (LEVEL_FULL - LEVEL_FROM), 0.0, 1.0)
    change = rolls - rolls_of(rotations, up)
    change = (change + np.pi) % (2.0 * np.pi) - np.pi
    angles = -(3.0 - 2.0 * share) * share * share * change
    return rotations * Rotation.from_rotvec(angles[:, None] * np.array([0.0, 0.0, 1.0]))
