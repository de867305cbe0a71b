"""Equirectangular panoramas: all directions from one place, or from both eyes of somebody who turns around there.

Conventions: the picture's middle looks along the camera's -z, its columns go once around +y to the right, its rows from
straight up to straight down. In stereo the left eye's picture lies above the right eye's. Each eye stands half their
distance beside the place, at a right angle to the direction in which that column looks (omnidirectional stereo, Peleg
et al. 2001).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.geometry.cameras import PIXEL_CENTER
from core.geometry.rays import Rays


@dataclass(frozen=True)
class Panorama:
    """A camera that sees all around.

    Attributes:
        c2w: (4, 4) float32, camera to world.
        width, height: the picture's size in pixels; with two eyes, of both pictures together.
        eye_distance: in scene units; 0: there is one eye.
        shift: how far rays pass beside the pixels' centres, right and down, in pixels.
        times: () float32 in [0, 1], when it is taken; None in a static scene.

    Raises:
        ValueError: the matrix has another shape, or the halves of a stereo picture aren't equal.
    """

    c2w: Tensor
    width: int
    height: int
    eye_distance: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    times: Tensor | None = None

    def __post_init__(self) -> None:
        if self.c2w.shape != (4, 4):
            raise ValueError(f"a panorama's c2w must be (4, 4), got {tuple(self.c2w.shape)}")
        if self.width < 1 or self.height < 1 or (self.eye_distance > 0.0 and self.height % 2):
            raise ValueError(f"a panorama has pixels, and two equal halves in stereo, got {self.width}x{self.height}")


def panorama_rays(panorama: Panorama, pixels: Tensor) -> Rays:
    """Rays through pixels (n,) int64, counted row by row."""
    c2w, width = panorama.c2w, panorama.width
    height = panorama.height // 2 if panorama.eye_distance > 0.0 else panorama.height
    rows, columns = pixels // width, pixels % width
    x = columns.double() + PIXEL_CENTER + panorama.shift[0]
    y = (rows % height).double() + PIXEL_CENTER + panorama.shift[1]
    around, above = 2.0 * math.pi * (x / width - 0.5), math.pi * (0.5 - y / height)
    level = above.cos()
    local = torch.stack([level * around.sin(), above.sin(), -level * around.cos()], dim=-1)
    turn, place = c2w[:3, :3].double(), c2w[:3, 3].double()
    rays_d = local @ turn.T
    rays_o = place.expand_as(rays_d)
    if panorama.eye_distance > 0.0:
        right = torch.stack([around.cos(), torch.zeros_like(around), around.sin()], dim=-1) @ turn.T
        side = torch.where(rows < height, -0.5, 0.5).to(rays_d) * panorama.eye_distance
        rays_o = rays_o + side[:, None] * right
    times = None if panorama.times is None else panorama.times.expand(pixels.shape).contiguous()
    return Rays(rays_o.float().contiguous(), rays_d.float().contiguous(), times)
