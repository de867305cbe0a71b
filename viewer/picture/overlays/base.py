"""What an overlay is: something of the scene that is drawn over a rendered view."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from viewer.picture.overlays.lines import Occluder
from viewer.protocol.requests import Pose
from viewer.protocol.scene_info import SceneInfo

Draw = Callable[[np.ndarray, SceneInfo, Pose, Sequence[Occluder]], np.ndarray]
"""Draws over a picture (height, width, 4) float32 with straight alpha, which it doesn't write to, what the scene has of
it, covered by occluders; returns the new picture, or the same one where there is nothing to draw."""


@dataclass(frozen=True)
class Overlay:
    """One overlay.

    Attributes:
        draw: see `Draw`.
        layer: overlays of higher layers are drawn over those of lower ones.
    """

    draw: Draw
    layer: int
