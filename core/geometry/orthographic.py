"""A scene from above and from the side: where its points come to lie on the two drawings. Pure."""

from typing import NamedTuple

import numpy as np


class Side(NamedTuple):
    """One of the two.

    Attributes:
        name: "from above" or "from the side".
        plane: (3, 2) float64, what takes points (n, 3) to the drawing's right and upwards, in the scene's units.
    """

    name: str
    plane: np.ndarray


def two_sides(up: tuple[float, float, float]) -> tuple[Side, Side]:
    """Above and beside a scene with an up, a unit vector; both drawings have the same right."""
    upwards = np.array(up, np.float64)
    right = np.cross(upwards, [1.0, 0.0, 0.0] if abs(upwards[0]) < 0.9 else [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    away = np.cross(upwards, right)
    return (
        Side("from above", np.stack([right, away], axis=1)),
        Side("from the side", np.stack([right, upwards], axis=1)),
    )
