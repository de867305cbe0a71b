"""The edges of the scene's box."""

from collections.abc import Sequence

import numpy as np

from core.geometry.boxes import box_edges
from viewer.picture.overlays.base import Overlay
from viewer.picture.overlays.lines import Occluder, draw_lines
from viewer.protocol.requests import Pose
from viewer.protocol.scene_info import SceneInfo

COLOR = np.array([0.98, 0.72, 0.22], np.float32)


def draw(rgba: np.ndarray, scene: SceneInfo, pose: Pose, occluders: Sequence[Occluder]) -> np.ndarray:
    """See `viewer.picture.overlays.base.Draw`."""
    return draw_lines(rgba, box_edges(scene.box), COLOR, pose, occluders)


OVERLAY = Overlay(draw, layer=1)
