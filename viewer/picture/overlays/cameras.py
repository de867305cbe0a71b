"""The training cameras as small pyramids."""

from collections.abc import Sequence

import numpy as np

from viewer.picture.overlays.base import Overlay
from viewer.picture.overlays.lines import Occluder, draw_lines
from viewer.protocol.requests import Pose
from viewer.protocol.scene_info import SceneInfo

COLOR = np.array([0.20, 0.68, 0.98], np.float32)


def draw(rgba: np.ndarray, scene: SceneInfo, pose: Pose, occluders: Sequence[Occluder]) -> np.ndarray:
    """See `viewer.picture.overlays.base.Draw`."""
    return draw_lines(rgba, camera_segments(scene), COLOR, pose, occluders)


def camera_segments(scene: SceneInfo) -> np.ndarray:
    """The training cameras as small pyramids with a tick on their upper side: (10 n_train, 2, 3)."""
    c2w = np.asarray(scene.cameras, np.float64)
    if len(c2w) == 0:
        return np.zeros((0, 2, 3))
    aspect = scene.image_sizes[:, 0] / scene.image_sizes[:, 1]
    frames = pyramids(c2w, np.asarray(scene.camera_fov_y), aspect, pyramid_height(c2w, scene.box))
    return frames.reshape(-1, 2, 3)


def pyramids(c2w: np.ndarray, fov_y: np.ndarray, aspect: np.ndarray, depth: float) -> np.ndarray:
    """Cameras (n, 4, 4) as the edges of pyramids with a tick on their upper side, (n, 10, 2, 3).

    Args:
        fov_y, aspect: (n,), vertical fields of view in radians, and widths over heights.
        depth: the pyramids' height.
    """
    half_y = depth * np.tan(0.5 * fov_y)
    half_x = half_y * aspect
    unit = np.array(
        [
            [0.0, 0.0, 0.0],
            [-1.0, -1.0, -1.0],
            [1.0, -1.0, -1.0],
            [1.0, 1.0, -1.0],
            [-1.0, 1.0, -1.0],
            [-0.35, 1.15, -1.0],
            [0.35, 1.15, -1.0],
            [0.0, 1.6, -1.0],
        ]
    )
    local = unit * np.stack([half_x, half_y, np.full(len(c2w), depth)], axis=-1)[:, None]
    points = np.einsum("nij,npj->npi", c2w[:, :3, :3], local) + c2w[:, None, :3, 3]
    pairs = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1), (5, 7), (6, 7)]
    return points[:, np.array(pairs)]


def pyramid_height(c2w: np.ndarray, box: tuple[float, ...]) -> float:
    """A third of the median distance between neighbouring cameras, but small compared with the scene."""
    diagonal = float(np.linalg.norm(np.subtract(box[3:], box[:3])))
    thinned = c2w[:: max(1, len(c2w) // 200), :3, 3]
    if len(thinned) < 2:
        return 0.05 * diagonal
    distances = np.linalg.norm(thinned[:, None] - thinned[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    return float(np.clip(0.33 * np.median(distances.min(axis=1)), 0.005 * diagonal, 0.06 * diagonal))


OVERLAY = Overlay(draw, layer=2)
