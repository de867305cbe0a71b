"""The scene's known points, nearest on top, hidden by what lies before them."""

from collections.abc import Sequence

import numpy as np

from viewer.picture.colors import blend
from viewer.picture.overlays.base import Overlay
from viewer.picture.overlays.lines import Occluder
from viewer.picture.projection import Projection
from viewer.protocol.requests import Pose
from viewer.protocol.scene_info import SceneInfo

POINT_COLOR = np.array([0.55, 0.92, 0.45], np.float32)
"""The colour of points that have none."""

SHINES_THROUGH = 0.15
"""The opacity at which a covered point shines through: it shows where the scene goes on."""

SLACK = 1.03
"""Points lie on surfaces to within a few percent of their distance, and must not flicker through them."""


def draw(rgba: np.ndarray, scene: SceneInfo, pose: Pose, occluders: Sequence[Occluder]) -> np.ndarray:
    """See `viewer.picture.overlays.base.Draw`."""
    if scene.points is None:
        return rgba
    return draw_points(rgba, scene.points, scene.point_colors, pose, occluders)


def draw_points(
    rgba: np.ndarray,
    points: np.ndarray,
    colors: np.ndarray | None,
    pose: Pose,
    occluders: Sequence[Occluder] = (),
) -> np.ndarray:
    """Draw points as small squares, whose share of the picture does not depend on its size.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        points: (n, 3) in the world.
        colors: (n, 3) float32 in [0, 1]; None: all are `POINT_COLOR`.

    Returns:
        (height, width, 4) float32; `rgba` itself if none is seen.
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
    order = np.argsort(-t).astype(np.int32)  # the last one written to a pixel stays: the nearest
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
    projection = Projection(pose, width, height)
    local = projection.local(points)
    x, y = projection.pixels(local)
    which = np.nonzero((local[:, 2] < 0.0) & (x >= 0.0) & (x < width) & (y >= 0.0) & (y < height))[0]
    distances = np.linalg.norm(local[which], axis=1)
    return x[which].astype(np.int64), y[which].astype(np.int64), distances, which


OVERLAY = Overlay(draw, layer=0)
