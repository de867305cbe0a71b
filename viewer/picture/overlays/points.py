"""A scene's known points drawn into a picture, the nearest in front, hidden by what lies before them."""

import math
from collections.abc import Sequence

import numpy as np

from viewer.picture.modes import blend
from viewer.picture.overlays.lines import Occluder
from viewer.protocol.requests import Pose

POINT_COLOR = np.float32([0.55, 0.92, 0.45])
"""Of points whose own colours are not known."""

SHINES_THROUGH = 0.15
"""How strongly a point is seen through what covers it: it tells where the scene goes on."""

SLACK = 1.03
"""A point lies on a surface, give or take some percent of its distance, and must not flicker through it."""


def draw_points(
    rgba: np.ndarray,
    points: np.ndarray,
    colors: np.ndarray | None,
    pose: Pose,
    occluders: Sequence[Occluder] = (),
) -> np.ndarray:
    """Draw points as small squares, as large a share of the picture whatever its size.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        points: (n, 3) in the world.
        colors: (n, 3) float32 in [0, 1]; None: all in `POINT_COLOR`.

    Returns:
        (height, width, 4) float32; `rgba` itself where none is seen.
    """
    height, width = rgba.shape[:2]
    columns, rows, t, which = _seen(points, pose, width, height)
    if not len(which):
        return rgba
    visible = np.ones(len(which), np.float32)
    for occluder in occluders:
        visible *= occluder.visible_at(rows, columns, t / SLACK)
    alpha = np.maximum(visible, SHINES_THROUGH)
    rgb = np.broadcast_to(POINT_COLOR, (len(which), 3)) if colors is None else colors[which]
    side = max(1, round(height / 350))
    offsets = np.arange(side) - side // 2
    order = np.argsort(-t).astype(np.int32)  # where several meet, the last one written stays: the nearest
    y, x = (rows[order, None, None] + offsets[:, None]), (columns[order, None, None] + offsets)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    nearest = np.full(height * width, -1, np.int32)
    nearest[(y * width + x)[inside]] = np.broadcast_to(order[:, None, None], inside.shape)[inside]
    pixels = np.nonzero(nearest >= 0)[0]
    drawn = nearest[pixels]
    result = rgba.copy()
    flat = result.reshape(-1, 4)
    flat[pixels] = blend(flat[pixels], rgb[drawn], alpha[drawn])
    return result


def _seen(
    points: np.ndarray, pose: Pose, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns, rows, distances from the camera and indices of the points that lie in the picture, each (n_seen,)."""
    c2w = np.asarray(pose.c2w, np.float32).reshape(4, 4)
    local = (points - c2w[:3, 3]) @ c2w[:3, :3]
    depth = -local[:, 2]
    focal = 0.5 * height / math.tan(0.5 * pose.fov_y)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = 0.5 * width + focal * local[:, 0] / depth
        y = 0.5 * height - focal * local[:, 1] / depth
    which = np.nonzero((depth > 0.0) & (x >= 0.0) & (x < width) & (y >= 0.0) & (y < height))[0]
    distances = np.linalg.norm(local[which], axis=1)
    return x[which].astype(np.int64), y[which].astype(np.int64), distances, which
