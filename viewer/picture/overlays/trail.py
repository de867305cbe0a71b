"""The camera path that is edited: its line, and a small pyramid for each key."""

import numpy as np

from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.cameras import pyramid_height, pyramids
from viewer.picture.overlays.grid_cells import NO_LAYERS, GridLayers
from viewer.picture.overlays.lines import Occluder, draw_lines
from viewer.protocol.requests import Pose, Trail
from viewer.protocol.view_settings import ViewSettings

COLOR = np.array([0.98, 0.66, 0.20], np.float32)
SELECTED = np.array([0.95, 0.25, 0.45], np.float32)

BEHIND = 0.25
"""The opacity at which what is covered shines through."""


def with_trail(
    rgba: np.ndarray,
    trail: Trail,
    view: ViewSettings,
    pose: Pose,
    depths: np.ndarray,
    opacities: np.ndarray,
    box: tuple[float, ...],
    layers: GridLayers | None = None,
) -> np.ndarray:
    """Draw a path; arguments as for `viewer.picture.overlays.ray.with_ray`, and the scene's box, which says how large
    pyramids are."""
    occluders = [Occluder(depths, opacities), *grid_cells.occluders(layers or NO_LAYERS, view, depths.shape)]
    points = np.asarray(trail.points, np.float64).reshape(-1, 3)
    line = np.stack([points[:-1], points[1:]], axis=1)
    c2w = np.array([pose for pose, _ in trail.cameras]).reshape(-1, 4, 4)
    fov_y = np.array([fov for _, fov in trail.cameras])
    aspect = np.full(len(c2w), rgba.shape[1] / rgba.shape[0])
    frames = pyramids(c2w, fov_y, aspect, pyramid_height(c2w, box))
    chosen = np.arange(len(c2w)) == (-1 if trail.selected is None else trail.selected)
    for segments, color, thickness in (
        (line, COLOR, 1.6),
        (frames[~chosen].reshape(-1, 2, 3), COLOR, 1.0),
        (frames[chosen].reshape(-1, 2, 3), SELECTED, 1.6),
    ):
        rgba = draw_lines(rgba, segments, color, pose, (), BEHIND, thickness)
        rgba = draw_lines(rgba, segments, color, pose, occluders, 1.0, thickness)
    return rgba
