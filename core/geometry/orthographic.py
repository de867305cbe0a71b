"""Orthographic projections of a scene, from above and from the side. Pure."""

from typing import NamedTuple

import numpy as np


class Side(NamedTuple):
    """One of the two projections.

    Attributes:
        name: "from above" or "from the side".
        plane: (3, 2) float64; points (n, 3) @ plane are (right, up) on the drawing, in scene units.
    """

    name: str
    plane: np.ndarray


def two_sides(up: tuple[float, float, float]) -> tuple[Side, Side]:
    """Both projections of a scene whose up is a unit vector; they share their right."""
    upwards = np.array(up, np.float64)
    right = np.cross(upwards, [1.0, 0.0, 0.0] if abs(upwards[0]) < 0.9 else [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    away = np.cross(upwards, right)
    return (
        Side("from above", np.stack([right, away], axis=1)),
        Side("from the side", np.stack([right, upwards], axis=1)),
    )
