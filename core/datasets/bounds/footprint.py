"""How fine the training views see: the pixels across a scene's box."""

import torch

from core.config.types import Box
from core.geometry.boxes import centre_of, sides_of
from core.geometry.cameras import Camera


def pixels_across(cameras: Camera, box: Box) -> float:
    """How many pixels of a view the longest side of a box spans, in the median of the cameras; whatever the units are.

    What a camera inside the box sees is taken to lie no nearer than the box's sides do to its middle.

    Args:
        cameras: a batch, the training views'.
    """
    side = max(sides_of(box))
    middle = cameras.c2w.new_tensor(centre_of(box))
    distances = torch.linalg.vector_norm(cameras.c2w[:, :3, 3] - middle, dim=-1).clamp_min(0.5 * side)
    focal = (cameras.K[:, 0, 0] * cameras.K[:, 1, 1]).sqrt()
    return side * float((focal / distances).median())
