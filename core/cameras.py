"""Cameras, and the rays through their pixels. The only home of pixel centres and axis conventions.

Conventions:
- `c2w` maps camera to world coordinates, OpenGL axes: +x right, +y up, -z forward.
- The centre of pixel (column x, row y) lies at (x + 0.5, y + 0.5); rows count downwards from the top.
- Ray directions are unit vectors, so t along a ray is a distance in scene units.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.rays import Rays


@dataclass(frozen=True)
class Camera:
    """One pinhole camera, or a batch of cameras with images of one size.

    Attributes:
        c2w: (..., 4, 4) float32, camera to world.
        K: (..., 3, 3) float32, intrinsics in pixels: fx, fy on the diagonal, cx, cy in the last column.
        width, height: the image's size in pixels.
    """

    c2w: Tensor
    K: Tensor
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.c2w.shape[-2:] != (4, 4) or self.K.shape[-2:] != (3, 3) or self.c2w.shape[:-2] != self.K.shape[:-2]:
            raise ValueError(
                f"c2w must be (..., 4, 4) and K (..., 3, 3), got {tuple(self.c2w.shape)} and {tuple(self.K.shape)}"
            )
        if self.width < 1 or self.height < 1:
            raise ValueError(f"an image has at least one pixel, got {self.width}x{self.height}")

    def __len__(self) -> int:
        if self.c2w.ndim != 3:
            raise TypeError(f"only a batch of cameras has a length; this one has shape {tuple(self.c2w.shape[:-2])}")
        return self.c2w.shape[0]

    def __getitem__(self, index) -> "Camera":
        return replace(self, c2w=self.c2w[index], K=self.K[index])

    def to(self, device: torch.device | str) -> "Camera":
        return replace(self, c2w=self.c2w.to(device), K=self.K.to(device))

    def resized(self, width: int, height: int) -> "Camera":
        """The same view on a raster of another size; the picture stretches if the aspect changes."""
        scale = torch.tensor([width / self.width, height / self.height, 1.0], device=self.K.device)
        return replace(self, K=self.K * scale[:, None], width=width, height=height)


def pinhole_matrix(fov_y: float, width: int, height: int) -> Tensor:
    """K (3, 3) of a pinhole camera with square pixels, its centre in the middle of the image.

    Args:
        fov_y: the vertical field of view in radians, between 0 and pi.
    """
    if not 0.0 < fov_y < math.pi:
        raise ValueError(f"fov_y must lie between 0 and pi radians, got {fov_y}")
    focal = 0.5 * height / math.tan(0.5 * fov_y)
    return torch.tensor([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])


def rays_through(c2w: Tensor, K: Tensor, xs: Tensor, ys: Tensor) -> Rays:
    """Rays through points of the image plane.

    Args:
        c2w: (..., 4, 4) and K: (..., 3, 3), broadcast against the points.
        xs, ys: (n,) image coordinates in pixels, the first pixel's centre at 0.5.
    """
    x = (xs - K[..., 0, 2]) / K[..., 0, 0]
    y = (ys - K[..., 1, 2]) / K[..., 1, 1]
    directions = torch.stack([x, -y, -torch.ones_like(x)], dim=-1)
    rotated = (c2w[..., :3, :3] * directions[..., None, :]).sum(-1)
    rays_d = rotated / torch.linalg.vector_norm(rotated, dim=-1, keepdim=True)
    rays_o = c2w[..., :3, 3].expand_as(rays_d)
    return Rays(rays_o.contiguous(), rays_d.contiguous())


def image_points(camera: Camera, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Where one camera sees world directions: the inverse of `rays_through`.

    Args:
        directions: (..., 3), of any length, from the camera's centre.

    Returns:
        xs, ys: (...,) image coordinates in pixels, which may lie outside the image; NaN for what lies behind.
    """
    x, y, z = (directions @ camera.c2w[:3, :3]).unbind(-1)
    depth = torch.where(z < 0.0, -z, torch.nan)
    K = camera.K
    return K[0, 0] * x / depth + K[0, 2], K[1, 1] * -y / depth + K[1, 2]


def sees(camera: Camera, points: Tensor) -> Tensor:
    """Whether points (n, 3) lie in front of one camera and inside its picture, (n,) bool; nothing hides them."""
    xs, ys = image_points(camera, points - camera.c2w[:3, 3])
    return (xs >= 0.0) & (xs <= camera.width) & (ys >= 0.0) & (ys <= camera.height)


def rays_of_pixels(camera: Camera, pixels: Tensor) -> Rays:
    """Rays through the centres of one camera's pixels (n,) int64, counted row by row."""
    return rays_through(camera.c2w, camera.K, pixels % camera.width + 0.5, pixels // camera.width + 0.5)


def generate_rays(camera: Camera, first: int = 0, last: int | None = None) -> Rays:
    """Rays through the pixel centres of one camera, row by row: all height * width of them, or those of a range."""
    n_pixels = camera.width * camera.height
    pixels = torch.arange(first, n_pixels if last is None else min(last, n_pixels), device=camera.c2w.device)
    return rays_of_pixels(camera, pixels)


def look_at(position, target, up=(0.0, 0.0, 1.0)) -> Tensor:
    """c2w (4, 4) of a camera at `position` that looks at `target` with `up` upwards in the picture."""
    eye, to, up = (torch.as_tensor(v, dtype=torch.float32) for v in (position, target, up))
    back = torch.nn.functional.normalize(eye - to, dim=0)
    right = torch.linalg.cross(up, back)
    if torch.linalg.vector_norm(right) < 1e-6:  # looking along `up`: any right angle to it serves
        right = torch.linalg.cross(torch.roll(up, 1), back)
    right = torch.nn.functional.normalize(right, dim=0)
    c2w = torch.eye(4)
    c2w[:3] = torch.stack([right, torch.linalg.cross(back, right), back, eye], dim=1)
    return c2w
