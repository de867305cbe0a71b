"""How finely the training views resolve the scene: the pixels across its box."""

import torch

from core.config.types import Box
from core.geometry.boxes import centre_of, sides_of
from core.geometry.cameras import Camera


def pixels_across(cameras: Camera, box: Box) -> float:
    """How many pixels the longest side of a box spans in a view, the median over cameras; independent of the units.

    A camera inside the box is taken to be half a side away from its centre.

    Args:
        cameras: a batch, of the training views.
    """
    side = max(sides_of(box))
    middle = cameras.c2w.new_tensor(centre_of(box))
    distances = torch.linalg.vector_norm(cameras.c2w[:, :3, 3] - middle, dim=-1).clamp_min(0.5 * side)
    focal = (cameras.K[:, 0, 0] * cameras.K[:, 1, 1]).sqrt()
    return side * float((focal / distances).median())
