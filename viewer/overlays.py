"""Drawn over a rendered view: cells, the scene's box, training cameras, an inspected ray. Arrays in and out.

Everything is drawn into the picture, so a screenshot has what the screen shows. Depth tests compare distances t along
the pixels' rays: a thing is covered by the opacity of what lies in front of it.
"""

import math
from typing import NamedTuple

import numpy as np

from viewer.display import blend
from viewer.lines import Occluder, draw_lines
from viewer.messages import Pose, SceneInfo, SceneRay
from viewer.view_settings import ViewSettings

BOX_COLOR = np.float32([0.98, 0.72, 0.22])
CAMERA_COLOR = np.float32([0.20, 0.68, 0.98])
RAY_COLOR = np.float32([0.93, 0.20, 0.47])

LEVEL_COLORS = np.float32(
    [
        [0.98, 0.74, 0.26],
        [0.36, 0.80, 0.62],
        [0.42, 0.66, 0.98],
        [0.82, 0.52, 0.94],
        [0.97, 0.48, 0.48],
        [0.62, 0.84, 0.34],
        [0.40, 0.86, 0.90],
        [0.94, 0.62, 0.76],
    ]
)
"""One colour per grid level, (8, 3); finest first."""

KEPT_BEHIND, KEPT_THICKNESS = 0.35, 3.0
"""How strongly a ray's composited samples shine through what covers them, and how thick they are drawn."""

EDGE_WIDTH = 0.05
"""Half the width of a cell's drawn edge, as a share of the cell's side."""
SHARPEST = 0.02
"""Edges are at least this soft, in cell sides."""


class Cells(NamedTuple):
    """The first occupied cell that each pixel's ray meets: the fields of the sampler's `CellHits` as numpy arrays.

    Attributes:
        t: (height, width) float32, distance to the cell's face; inf where the ray meets none.
        normals: (height, width, 3) float32, of the face.
        edge: (height, width) float32, distance from the hit to the nearest cell edge, 0 to 0.5 of the cell's side.
        levels: (height, width) int32.
    """

    t: np.ndarray
    normals: np.ndarray
    edge: np.ndarray
    levels: np.ndarray


def apply(
    rgba: np.ndarray,
    view: ViewSettings,
    pose: Pose,
    depths: np.ndarray,
    opacities: np.ndarray,
    scene: SceneInfo | None = None,
    cells: Cells | None = None,
) -> np.ndarray:
    """Draw the overlays that `view` asks for.

    Args:
        rgba: (height, width, 4) float32, straight alpha, as `display.to_rgba` gives it; not written to.
        depths, opacities: (height, width), the rendered surface.
        scene: its box and cameras are drawn if `view` asks for them.
        cells: the occupied cells; needed while `wants_cells(view)`.

    Returns:
        (height, width, 4) float32, C-contiguous; `rgba` itself where there is nothing to draw.
    """
    surface = Occluder(depths, opacities)
    occluders = [surface]
    if cells is not None and wants_cells(view):
        pixel = 0.0 if scene is None else pixels_on_cells(cells, pose, scene)
        rgb, alpha = shade_cells(cells, view.cells_opacity, pixel)
        alpha = alpha * surface.visible(cells.t)
        rgba = blend(rgba, rgb, alpha)
        occluders.append(Occluder(cells.t, alpha))
    if scene is None:
        return rgba
    if view.show_box:
        rgba = draw_lines(rgba, box_segments(scene.box), BOX_COLOR, pose, occluders)
    if view.show_cameras:
        rgba = draw_lines(rgba, camera_segments(scene), CAMERA_COLOR, pose, occluders)
    return rgba


def wants_cells(view: ViewSettings) -> bool:
    """Whether the picture shows occupied cells, so that they must be found."""
    return view.cells_opacity > 0.0


def pixels_on_cells(cells: Cells, pose: Pose, scene: SceneInfo) -> np.ndarray:
    """How large a pixel is on the cell it sees, in cell sides: (height, width); 0 where it sees none."""
    side = max(np.subtract(scene.box[3:], scene.box[:3])) / scene.train.grid_resolution
    angle = 2.0 * math.tan(0.5 * pose.fov_y) / cells.t.shape[0]
    t = np.where(np.isfinite(cells.t), cells.t, 0.0)
    return (angle / side) * t * np.exp2(-cells.levels)


def shade_cells(cells: Cells, opacity: float, pixel: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Colours (height, width, 3) and alphas (height, width) of the cells' faces, 0 where a ray meets none.

    A face's brightness follows its normal, so that cells read as solid; its edges are darker and more opaque. Where
    cells are hardly larger than a pixel the edges fade into the faces.

    Args:
        pixel: a pixel's size on the cell, in cell sides.
    """
    soft = np.maximum(pixel, SHARPEST)
    light = np.float32([0.30, 0.45, 0.84])
    brightness = 0.60 + 0.40 * np.abs(cells.normals @ light)
    on_edge = np.clip((EDGE_WIDTH - cells.edge) / soft + 0.5, 0.0, np.minimum(1.0, 2.0 * EDGE_WIDTH / soft))
    base = LEVEL_COLORS[cells.levels % len(LEVEL_COLORS)]
    rgb = base * (brightness * (1.0 - 0.55 * on_edge))[..., None]
    alpha = opacity * (1.0 - on_edge) + min(1.0, 1.8 * opacity) * on_edge
    return rgb, np.where(np.isfinite(cells.t), alpha, 0.0)


def with_ray(
    rgba: np.ndarray,
    ray: SceneRay,
    view: ViewSettings,
    pose: Pose,
    depths: np.ndarray,
    opacities: np.ndarray,
    cells: Cells | None = None,
) -> np.ndarray:
    """Draw an inspected ray: thin on its way through the box, faint before it and behind the stop, thick where samples
    were composited. These lie inside what they are composited to, so they shine through it a little.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        depths, opacities: (height, width), the rendered surface.
        cells: as for `apply`; they cover the ray as strongly as their faces are drawn.
    """
    occluders = [Occluder(depths, opacities)]
    if cells is not None and wants_cells(view):
        occluders.append(Occluder(cells.t, np.where(np.isfinite(cells.t), view.cells_opacity, 0.0)))
    for first, last, opacity in ((0.0, ray.t_min, 0.4), (ray.t_min, ray.t_stop, 0.9), (ray.t_stop, ray.t_max, 0.4)):
        rgba = draw_lines(rgba, ray_segments(ray, ((first, last),)), RAY_COLOR, pose, occluders, opacity)
    kept = ray_segments(ray, ray.kept)
    rgba = draw_lines(rgba, kept, RAY_COLOR, pose, (), KEPT_BEHIND, KEPT_THICKNESS)
    return draw_lines(rgba, kept, RAY_COLOR, pose, occluders, 1.0, KEPT_THICKNESS)


def ray_segments(ray: SceneRay, spans: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Parts of a ray in the world: (n_spans, 2, 3)."""
    ts = np.asarray(spans, np.float64).reshape(-1, 2, 1)
    return np.asarray(ray.origin) + ts * np.asarray(ray.direction)


def box_segments(box: tuple[float, ...]) -> np.ndarray:
    """The 12 edges of an axis-aligned box x0 y0 z0 x1 y1 z1: (12, 2, 3)."""
    low, high = np.reshape(np.asarray(box, np.float64), (2, 3))
    corners = np.array([[(low, high)[(i >> axis) & 1][axis] for axis in range(3)] for i in range(8)])
    pairs = [(i, i | 1 << axis) for i in range(8) for axis in range(3) if not i >> axis & 1]
    return corners[np.array(pairs)]


def camera_segments(scene: SceneInfo) -> np.ndarray:
    """The training cameras as small pyramids with a tick on the picture's upper side: (10 n_train, 2, 3)."""
    c2w = np.asarray(scene.cameras, np.float64)
    if len(c2w) == 0:
        return np.zeros((0, 2, 3))
    depth = _pyramid_height(c2w, scene.box)
    half_y = depth * np.tan(0.5 * scene.camera_fov_y)
    half_x = half_y * scene.image_width / scene.image_height
    local = np.array(
        [
            [0.0, 0.0, 0.0],
            [-half_x, -half_y, -depth],
            [half_x, -half_y, -depth],
            [half_x, half_y, -depth],
            [-half_x, half_y, -depth],
            [-0.35 * half_x, 1.15 * half_y, -depth],
            [0.35 * half_x, 1.15 * half_y, -depth],
            [0.0, 1.6 * half_y, -depth],
        ]
    )
    points = np.einsum("nij,pj->npi", c2w[:, :3, :3], local) + c2w[:, None, :3, 3]
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
