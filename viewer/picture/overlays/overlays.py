"""Drawn over a rendered view: cells, points, the scene's box, training cameras, an inspected ray. Arrays in and out.

Everything is drawn into the picture, so a screenshot has what the screen shows. Depth tests compare distances t along
the pixels' rays: a thing is covered by the opacity of what lies in front of it.
"""

import numpy as np

from core.geometry.boxes import box_edges
from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.grid_cells import NO_LAYERS, GridLayers
from viewer.picture.overlays.lines import Occluder, draw_lines
from viewer.picture.overlays.points import draw_points
from viewer.protocol.requests import Pose, SceneRay
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import ViewSettings

BOX_COLOR = np.float32([0.98, 0.72, 0.22])
CAMERA_COLOR = np.float32([0.20, 0.68, 0.98])
RAY_COLOR = np.float32([0.93, 0.20, 0.47])

KEPT_BEHIND, KEPT_THICKNESS = 0.35, 3.0
"""How strongly a ray's composited samples shine through what covers them, and how thick they are drawn."""


def apply(
    rgba: np.ndarray,
    view: ViewSettings,
    pose: Pose,
    depths: np.ndarray,
    opacities: np.ndarray,
    scene: SceneInfo | None = None,
    layers: GridLayers | None = None,
) -> np.ndarray:
    """Draw the overlays that `view` asks for.

    Args:
        rgba: (height, width, 4) float32, straight alpha, as `display.to_rgba` gives it; not written to.
        depths, opacities: (height, width), the rendered surface.
        scene: its box, cameras and points are drawn if `view` asks for them.
        layers: what `view` asks for of the grid; None: nothing.

    Returns:
        (height, width, 4) float32, C-contiguous; `rgba` itself where there is nothing to draw.
    """
    surface = Occluder(depths, opacities)
    rgba, drawn = grid_cells.draw(rgba, layers or NO_LAYERS, view, pose, surface, scene)
    occluders = [surface, *drawn]
    if scene is None:
        return rgba
    if view.show_points and scene.points is not None:
        rgba = draw_points(rgba, scene.points, scene.point_colors, pose, occluders)
    if view.show_box:
        rgba = draw_lines(rgba, box_edges(scene.box), BOX_COLOR, pose, occluders)
    if view.show_cameras:
        rgba = draw_lines(rgba, camera_segments(scene), CAMERA_COLOR, pose, occluders)
    return rgba


def with_ray(
    rgba: np.ndarray,
    ray: SceneRay,
    view: ViewSettings,
    pose: Pose,
    depths: np.ndarray,
    opacities: np.ndarray,
    layers: GridLayers | None = None,
) -> np.ndarray:
    """Draw an inspected ray: thin on its way through the box, faint before it and behind the stop, thick where samples
    were composited. These lie inside what they are composited to, so they shine through it a little.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        depths, opacities: (height, width), the rendered surface.
        layers: as for `apply`; cells cover the ray as strongly as their faces are drawn.
    """
    occluders = [Occluder(depths, opacities), *grid_cells.occluders(layers or NO_LAYERS, view, depths.shape)]
    for first, last, opacity in ((0.0, ray.t_min, 0.4), (ray.t_min, ray.t_stop, 0.9), (ray.t_stop, ray.t_max, 0.4)):
        rgba = draw_lines(rgba, ray_segments(ray, ((first, last),)), RAY_COLOR, pose, occluders, opacity)
    kept = ray_segments(ray, ray.kept)
    rgba = draw_lines(rgba, kept, RAY_COLOR, pose, (), KEPT_BEHIND, KEPT_THICKNESS)
    return draw_lines(rgba, kept, RAY_COLOR, pose, occluders, 1.0, KEPT_THICKNESS)


def ray_segments(ray: SceneRay, spans: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Parts of a ray in the world: (n_spans, 2, 3)."""
    ts = np.asarray(spans, np.float64).reshape(-1, 2, 1)
    return np.asarray(ray.origin) + ts * np.asarray(ray.direction)


def camera_segments(scene: SceneInfo) -> np.ndarray:
    """The training cameras as small pyramids with a tick on the picture's upper side: (10 n_train, 2, 3)."""
    c2w = np.asarray(scene.cameras, np.float64)
    if len(c2w) == 0:
        return np.zeros((0, 2, 3))
    depth = _pyramid_height(c2w, scene.box)
    half_y = depth * np.tan(0.5 * np.asarray(scene.camera_fov_y))
    half_x = half_y * scene.image_sizes[:, 0] / scene.image_sizes[:, 1]
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
    return points[:, np.array(pairs)].reshape(-1, 2, 3)


def _pyramid_height(c2w: np.ndarray, box: tuple[float, ...]) -> float:
    """A third of the typical distance between neighbouring cameras, but small beside the scene."""
    diagonal = float(np.linalg.norm(np.subtract(box[3:], box[:3])))
    some = c2w[:: max(1, len(c2w) // 200), :3, 3]
    if len(some) < 2:
        return 0.05 * diagonal
    distances = np.linalg.norm(some[:, None] - some[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    return float(np.clip(0.33 * np.median(distances.min(axis=1)), 0.005 * diagonal, 0.06 * diagonal))
