"""The one projection of points to the pixels of a picture: a pinhole with square pixels, its centre in the middle.

Conventions: pixels are counted from the upper left, x to the right, y downwards; c2w is OpenGL, so the depth of a point
along the view axis is -z in the camera's axes. `core.geometry.cameras.image_points` is the same for a dataset's own
cameras, which may have lenses.
"""

import math
from typing import NamedTuple

import numpy as np

from viewer.protocol.requests import Pose


def plane_offsets(local: np.ndarray, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Where points are seen, from the picture's centre: to the right and downwards, (...) each.

    Args:
        local: (..., 3) in the camera's axes. Points behind it are seen nowhere, and what they give means nothing.
        focal: in the unit of the result.
    """
    depth = -local[..., 2]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return focal * local[..., 0] / depth, -focal * local[..., 1] / depth


def focal_length(fov_y: float, height: float = 1.0) -> float:
    """The focal length of a vertical field of view in radians, in the unit of the picture's height."""
    return 0.5 * height / math.tan(0.5 * fov_y)


class Projection(NamedTuple):
    """A picture's: from where it is taken, and its size in pixels."""

    pose: Pose
    width: int
    height: int

    @property
    def c2w(self) -> np.ndarray:
        """(4, 4) float64."""
        return np.asarray(self.pose.c2w, np.float64).reshape(4, 4)

    @property
    def focal(self) -> float:
        """The focal length in pixels."""
        return focal_length(self.pose.fov_y, self.height)

    @property
    def position(self) -> np.ndarray:
        """The camera's, (3,) float64."""
        return self.c2w[:3, 3]

    def local(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in the camera's axes, of their own float type."""
        c2w = self.c2w.astype(points.dtype)
        return (points - c2w[:3, 3]) @ c2w[:3, :3]

    def pixels(self, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and y (...) of points (..., 3) in the camera's axes, see `plane_offsets`."""
        right, down = plane_offsets(local, self.focal)
        return 0.5 * self.width + right, 0.5 * self.height + down

    def seen_at(self, point: np.ndarray) -> tuple[float, float, float] | None:
        """x and y of a world point (3,) and its depth along the view axis; None behind the camera."""
        local = self.local(np.asarray(point, np.float64))
        if local[2] >= 0.0:
            return None
        x, y = self.pixels(local)
        return float(x), float(y), float(-local[2])

    def direction(self, x: float, y: float) -> np.ndarray:
        """The unit direction (3,) of the ray through a point of the picture: the inverse of `seen_at`."""
        local = np.array([x - 0.5 * self.width, 0.5 * self.height - y, -self.focal])
        return self.c2w[:3, :3] @ local / np.linalg.norm(local)

    def distances(self, columns: np.ndarray, rows: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Distances t along the rays of pixels, of points at depths along the view axis; (...) each."""
        x, y = columns + 0.5 - 0.5 * self.width, rows + 0.5 - 0.5 * self.height
        return depth * np.sqrt(1.0 + (x * x + y * y) / self.focal**2)
