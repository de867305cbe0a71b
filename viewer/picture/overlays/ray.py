"""The inspected ray."""

import numpy as np

from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.grid_cells import NO_LAYERS, GridLayers
from viewer.picture.overlays.lines import Occluder, draw_lines
from viewer.protocol.requests import Pose, SceneRay
from viewer.protocol.view_settings import ViewSettings

RAY_COLOR = np.array([0.93, 0.20, 0.47], np.float32)

KEPT_BEHIND, KEPT_THICKNESS = 0.35, 3.0
"""The opacity at which a ray's composited samples shine through what covers them, and how thick they are drawn."""


def with_ray(
    rgba: np.ndarray,
    ray: SceneRay,
    view: ViewSettings,
    pose: Pose,
    depths: np.ndarray,
    opacities: np.ndarray,
    layers: GridLayers | None = None,
) -> np.ndarray:
    """Draw an inspected ray: thin through the box, faint before it and behind the stop, thick where samples were
    composited. Those lie inside the surface that they make up, so they shine through it a little.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        depths, opacities: (height, width), the rendered surface.
        layers: as for `viewer.picture.overlays.drawing.draw_overlays`; cells cover the ray as strongly as their
            faces are drawn.
    """
    occluders = [Occluder(depths, opacities), *grid_cells.occluders(layers or NO_LAYERS, view, depths.shape)]
    for first, last, opacity in ((0.0, ray.t_min, 0.4), (ray.t_min, ray.t_stop, 0.9), (ray.t_stop, ray.t_max, 0.4)):
        rgba = draw_lines(rgba, ray_segments(ray, ((first, last),)), RAY_COLOR, pose, occluders, opacity)
    kept = ray_segments(ray, ray.kept)
    rgba = draw_lines(rgba, kept, RAY_COLOR, pose, (), KEPT_BEHIND, KEPT_THICKNESS)
    return draw_lines(rgba, kept, RAY_COLOR, pose, occluders, 1.0, KEPT_THICKNESS)


def ray_segments(ray: SceneRay, spans: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Spans (first t, last t) of a ray as world segments, (n_spans, 2, 3)."""
    ts = np.asarray(spans, np.float64).reshape(-1, 2, 1)
    return np.asarray(ray.origin) + ts * np.asarray(ray.direction)
