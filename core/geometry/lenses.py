"""Lens distortion: from directions to points of the image plane and back.

Directions and points are those of a camera that looks along +z, with x to the right and y downwards, as in OpenCV and
COLMAP; points are offsets from the optical axis, in focal lengths. Without a lens, (x, y, z) is seen at
(x / z, y / z).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

COEFFICIENTS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
"""Distortion coefficients of a perspective lens, in the order of `Lens.coefficients`."""

FISHEYE_COEFFICIENTS = COEFFICIENTS[:4]

N_COEFFICIENTS = len(COEFFICIENTS)

NEWTON_STEPS = 8
"""Each step of Newton's method doubles the correct digits; a moderate lens needs four steps."""


@dataclass(frozen=True)
class Lens:
    """The distortion of a lens, or of each camera of a batch.

    Attributes:
        coefficients: (..., 8) float32. Perspective lenses: k1 .. k6, p1, p2 of OpenCV's rational model (Brown 1966),
            with k4 .. k6 in the denominator. Fisheye lenses: k1 .. k4 of OpenCV's (Kannala and Brandt 2006) and
            zeros.
        fisheye: whether it is a fisheye lens.
    """

    coefficients: Tensor
    fisheye: bool = False

    def __post_init__(self) -> None:
        if self.coefficients.shape[-1] != N_COEFFICIENTS:
            raise ValueError(f"a lens has {N_COEFFICIENTS} coefficients, got {tuple(self.coefficients.shape)}")

    def __getitem__(self, index) -> "Lens":
        return replace(self, coefficients=self.coefficients[index])

    def to(self, target: torch.device | str | torch.dtype) -> "Lens":
        return replace(self, coefficients=self.coefficients.to(target))


def bend(lens: Lens, directions: Tensor) -> Tensor:
    """Where directions (..., 3) meet the image plane, (..., 2); NaN for directions behind a perspective lens."""
    x, y, z = directions.unbind(-1)
    k = lens.coefficients.unbind(-1)
    if lens.fisheye:
        across = torch.hypot(x, y)
        angle = torch.atan2(across, z)
        scale = _fisheye_radius(k, angle)[0] / across.clamp_min(1e-12)
        return torch.stack([x * scale, y * scale], dim=-1)
    depth = torch.where(z > 0.0, z, torch.nan)
    return torch.stack(_bend_slopes(k, x / depth, y / depth)[:2], dim=-1)


def straighten(lens: Lens, points: Tensor) -> Tensor:
    """The directions (..., 3), of any length, that a lens bends to points (..., 2): the inverse of `bend`.

    `core.kernels.camera_rays` computes the same for the pixels of whole images, only faster: keep both in step.
    """
    k, (x, y) = lens.coefficients.unbind(-1), points.unbind(-1)
    if lens.fisheye:
        radius = torch.hypot(x, y)
        angle = radius
        for _ in range(NEWTON_STEPS):
            value, slope = _fisheye_radius(k, angle)
            angle = angle - (value - radius) / slope
        scale = torch.sin(angle) / radius.clamp_min(1e-12)
        return torch.stack([x * scale, y * scale, torch.cos(angle)], dim=-1)
    u, v = x, y
    for _ in range(NEWTON_STEPS):
        bent_x, bent_y, xx, xy, yy = _bend_slopes(k, u, v)
        error_x, error_y, determinant = bent_x - x, bent_y - y, xx * yy - xy * xy
        u = u - (yy * error_x - xy * error_y) / determinant
        v = v - (xx * error_y - xy * error_x) / determinant
    return torch.stack([u, v, torch.ones_like(u)], dim=-1)


def _fisheye_radius(k: tuple[Tensor, ...], angle: Tensor) -> tuple[Tensor, Tensor]:
    """The image radius of light at an angle to the axis, and its derivative with respect to the angle."""
    s = angle * angle
    value = angle * (1.0 + s * (k[0] + s * (k[1] + s * (k[2] + s * k[3]))))
    slope = 1.0 + s * (3.0 * k[0] + s * (5.0 * k[1] + s * (7.0 * k[2] + s * 9.0 * k[3])))
    return value, slope


def _bend_slopes(k: tuple[Tensor, ...], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """OpenCV's rational and tangential distortion of slopes x, y: x', y', dx'/dx, dx'/dy = dy'/dx, dy'/dy."""
    k1, k2, k3, k4, k5, k6, p1, p2 = k
    s = x * x + y * y
    above, below = 1.0 + s * (k1 + s * (k2 + s * k3)), 1.0 + s * (k4 + s * (k5 + s * k6))
    above_slope, below_slope = k1 + s * (2.0 * k2 + s * 3.0 * k3), k4 + s * (2.0 * k5 + s * 3.0 * k6)
    radial = above / below
    radial_slope = (above_slope - radial * below_slope) / below
    bent_x = x * radial + 2.0 * p1 * x * y + p2 * (s + 2.0 * x * x)
    bent_y = y * radial + p1 * (s + 2.0 * y * y) + 2.0 * p2 * x * y
    xx = radial + 2.0 * x * x * radial_slope + 2.0 * p1 * y + 6.0 * p2 * x
    xy = 2.0 * x * y * radial_slope + 2.0 * p1 * x + 2.0 * p2 * y
    yy = radial + 2.0 * y * y * radial_slope + 6.0 * p1 * y + 2.0 * p2 * x
    return bent_x, bent_y, xx, xy, yy
