"""Draws over a rendered view what its settings ask for: cells of the grid, then the overlays, in their layers.

Everything is drawn into the picture, so a screenshot has what the screen shows. Depth tests compare distances t along
the pixels' rays: an overlay is covered by the opacity of what lies in front of it.
"""

from functools import cache
from importlib import import_module

import numpy as np

from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.base import Overlay
from viewer.picture.overlays.grid_cells import NO_LAYERS, GridLayers
from viewer.picture.overlays.lines import Occluder
from viewer.protocol.requests import Pose
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import OVERLAYS, ViewSettings


@cache
def overlays() -> dict[str, Overlay]:
    """All overlays by the name of the setting that shows them, in the order in which they are drawn."""
    found = {
        setting: import_module(f"viewer.picture.overlays.{setting.removeprefix('show_')}").OVERLAY
        for setting in OVERLAYS
    }
    return dict(sorted(found.items(), key=lambda item: item[1].layer))


def draw_overlays(
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
        rgba: (height, width, 4) float32, straight alpha, from `viewer.picture.display.to_rgba`; not written to.
        depths, opacities: (height, width), the rendered surface.
        scene: None: the cells alone are drawn.
        layers: the cells that `view` asks for; None: none.

    Returns:
        (height, width, 4) float32, C-contiguous; `rgba` itself where there is nothing to draw.
    """
    surface = Occluder(depths, opacities)
    rgba, drawn = grid_cells.draw(rgba, layers or NO_LAYERS, view, pose, surface, scene)
    if scene is None:
        return rgba
    for setting, overlay in overlays().items():
        if getattr(view, setting):
            rgba = overlay.draw(rgba, scene, pose, [surface, *drawn])
    return rgba
