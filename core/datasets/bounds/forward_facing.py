"""The frame of normalised device coordinates for cameras that face one way."""

import math

import torch
from torch import Tensor

from core.geometry.cameras import Camera, rays_through
from core.geometry.placement import NdcFrame

_WIDEST = 75.0
"""Degrees that a picture's corner may lie off the cameras' mean direction: at 90 its depth would be 0."""


def facing_frame(cameras: Camera, near_plane: float) -> NdcFrame:
    """The frame that covers all that cameras see beyond a near plane: at their middle, as far back as the rearmost.

    Args:
        cameras: a batch, on the CPU.
        near_plane: its distance from each camera, above 0.

    Raises:
        ValueError: they don't face one way.
    """
    c2w = cameras.c2w.double()
    forward, centres = torch.nn.functional.normalize(-c2w[:, :3, 2].mean(0), dim=0), c2w[:, :3, 3]
    origins, directions = _corners(cameras)
    slopes = directions @ forward
    widest = math.degrees(math.acos(max(-1.0, min(1.0, float(slopes.min())))))
    if widest > _WIDEST:
        raise ValueError(
            f"ndc needs cameras that face one way: these see up to {widest:.0f} degrees off their mean direction, "
            f"expected at most {_WIDEST:.0f}; choose sphere"
        )
    ups = c2w[:, :3, 1]
    up = ups[0] if ups.mean(0).norm() < 0.1 else ups.mean(0)  # cameras may be held in different orientations
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=0)
    across = torch.stack([right, torch.linalg.cross(right, forward)])
    middle = centres.mean(0)
    origin = middle + ((centres - middle) @ forward).min() * forward
    starts = origins + near_plane * directions - origin
    near = (starts @ forward).min()
    # along a ray, u / d runs monotonically from its value at the start to that of the direction
    spread = torch.stack([(starts @ across.T) / (starts @ forward)[:, None], (directions @ across.T) / slopes[:, None]])
    widths = spread.abs().amax((0, 1))
    axes = torch.cat([across / (widths[:, None] * near), forward[None] / near])
    return NdcFrame(tuple(origin.tolist()), tuple(axes.flatten().tolist()))


def _corners(cameras: Camera) -> tuple[Tensor, Tensor]:
    """The origins and directions, (4 n, 3) float64, of the rays through the corners of all pictures."""
    width, height = cameras.extent.unbind(-1)
    rays = [rays_through(cameras, x * width, y * height) for x in (0.0, 1.0) for y in (0.0, 1.0)]
    return torch.cat([ray.rays_o for ray in rays]).double(), torch.cat([ray.rays_d for ray in rays]).double()
