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

from core.geometry.lenses import Lens, bend, straighten
from core.geometry.rays import Rays

PIXEL_CENTER = 0.5
"""Where a pixel's centre lies between its edges."""

IMAGE_AXES = (1.0, -1.0, -1.0)
"""Signs that turn image axes (right, down, ahead) into the camera's x, y and z axes."""


@dataclass(frozen=True)
class Camera:
    """One camera, or a batch of cameras.

    Attributes:
        c2w: (..., 4, 4) float32, camera to world.
        K: (..., 3, 3) float32, intrinsics in pixels: fx, fy on the diagonal, cx, cy in the last column.
        width, height: the image's size in pixels; the maximum of each where a batch has images of several sizes.
        lens: the distortion, batched as c2w is; None for a pinhole.
        sizes: (n, 2) int64, the width and height of each camera of a batch; None where all images have one size.
        times: (...,) float32 in [0, 1], when each picture was taken; None in a static scene.
    """

    c2w: Tensor
    K: Tensor
    width: int
    height: int
    lens: Lens | None = None
    sizes: Tensor | None = None
    times: Tensor | None = None

    def __post_init__(self) -> None:
        if self.c2w.shape[-2:] != (4, 4) or self.K.shape[-2:] != (3, 3) or self.c2w.shape[:-2] != self.K.shape[:-2]:
            raise ValueError(
                f"c2w must be (..., 4, 4) and K (..., 3, 3), got {tuple(self.c2w.shape)} and {tuple(self.K.shape)}"
            )
        if self.lens is not None and self.lens.coefficients.shape[:-1] != self.c2w.shape[:-2]:
            raise ValueError(
                f"there must be a lens for each camera, got {tuple(self.lens.coefficients.shape[:-1])} "
                f"for {tuple(self.c2w.shape[:-2])}"
            )
        if self.sizes is not None and self.sizes.shape != (*self.c2w.shape[:1], 2):
            raise ValueError(f"there must be a size for each of a batch of cameras, got {tuple(self.sizes.shape)}")
        if self.times is not None and self.times.shape != self.c2w.shape[:-2]:
            raise ValueError(
                f"there must be a time for each camera, got {tuple(self.times.shape)} for {tuple(self.c2w.shape[:-2])}"
            )
        if self.width < 1 or self.height < 1:
            raise ValueError(f"an image has at least one pixel, got {self.width}x{self.height}")

    def __len__(self) -> int:
        if self.c2w.ndim != 3:
            raise TypeError(f"only a batch of cameras has a length; this one has shape {tuple(self.c2w.shape[:-2])}")
        return self.c2w.shape[0]

    def __getitem__(self, index) -> "Camera":
        picked = {
            "c2w": _rows_at(self.c2w, index),
            "K": _rows_at(self.K, index),
            "lens": self.lens and self.lens[index],
            "times": None if self.times is None else self.times[index],
        }
        if self.sizes is None:
            return replace(self, **picked)
        sizes = self.sizes[index]
        if sizes.ndim == 2:
            return replace(self, **picked, sizes=sizes)
        width, height = sizes.tolist()
        return replace(self, **picked, sizes=None, width=width, height=height)

    @property
    def extent(self) -> Tensor:
        """The width and height of each image, (..., 2) in the format and on the device of K."""
        if self.sizes is not None:
            return self.sizes.to(self.K)
        return self.K.new_tensor([self.width, self.height]).expand(*self.K.shape[:-2], 2)

    def to(self, target: torch.device | str | torch.dtype) -> "Camera":
        """A copy on another device, or in another dtype."""
        c2w, K, lens = self.c2w.to(target), self.K.to(target), self.lens and self.lens.to(target)
        times = None if self.times is None else self.times.to(target)
        sizes = None if self.sizes is None else self.sizes.to(K.device)
        return replace(self, c2w=c2w, K=K, lens=lens, sizes=sizes, times=times)

    def resized(self, width: int, height: int) -> "Camera":
        """The same view on a raster of another size; the picture stretches if the aspect changes."""
        scale = self.K.new_tensor([width, height], dtype=torch.float64) / self.extent.double()
        scale = torch.nn.functional.pad(scale, (0, 1), value=1.0).to(self.K)
        return replace(self, K=self.K * scale[..., None], width=width, height=height, sizes=None)


def _rows_at(rows: Tensor, index) -> Tensor:
    """`rows[index]`; indices (n,) int64, all at least 0 and on the rows' device, take a quarter of torch's time."""
    if isinstance(index, Tensor) and (index.ndim, index.dtype, index.device) == (1, torch.int64, rows.device):
        return rows.index_select(0, index)
    return rows[index]


def pinhole_matrix(fov_y: float, width: int, height: int) -> Tensor:
    """K (3, 3) of a pinhole camera with square pixels, its centre in the middle of the image.

    Args:
        fov_y: the vertical field of view in radians, between 0 and pi.
    """
    if not 0.0 < fov_y < math.pi:
        raise ValueError(f"fov_y must lie between 0 and pi radians, got {fov_y}")
    focal = 0.5 * height / math.tan(0.5 * fov_y)
    return torch.tensor([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])


def rays_through(camera: Camera, xs: Tensor, ys: Tensor) -> Rays:
    """Rays through points of the image.

    Args:
        camera: one for all points, or a batch of n, one for each.
        xs, ys: (n,) image coordinates in pixels, the first pixel's centre at 0.5.
    """
    c2w, K = camera.c2w, camera.K
    x = (xs - K[..., 0, 2]) / K[..., 0, 0]
    y = (ys - K[..., 1, 2]) / K[..., 1, 1]
    if camera.lens is None:
        ahead = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    else:
        ahead = straighten(camera.lens, torch.stack([x, y], dim=-1))
    directions = ahead * c2w.new_tensor(IMAGE_AXES)
    x, y, z = (c2w[..., :3, axis] * directions[..., axis, None] for axis in range(3))
    rotated = x + y + z
    rays_d = rotated / torch.linalg.vector_norm(rotated, dim=-1, keepdim=True)
    rays_o = c2w[..., :3, 3].expand_as(rays_d)
    times = None if camera.times is None else camera.times.expand(rays_d.shape[:1]).contiguous()
    return Rays(rays_o.contiguous(), rays_d.contiguous(), times)


def image_points(camera: Camera, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Where one camera sees world directions: the inverse of `rays_through`.

    Args:
        directions: (..., 3), of any length, from the camera's centre.

    Returns:
        xs, ys: (...,) image coordinates in pixels, which may lie outside the image; NaN for directions behind the
        camera, and for those so far off the axis that the lens' formula is meaningless there.
    """
    K = camera.K
    local = directions @ camera.c2w[:3, :3] * K.new_tensor(IMAGE_AXES)
    if camera.lens is None:
        x, y, z = local.unbind(-1)
        depth = torch.where(z > 0.0, z, torch.nan)
        x, y = x / depth, y / depth
    else:
        seen = _in_view(camera, camera.lens, local)
        x, y = torch.where(seen[..., None], bend(camera.lens, local), torch.nan).unbind(-1)
    return K[0, 0] * x + K[0, 2], K[1, 1] * y + K[1, 2]


def _in_view(camera: Camera, lens: Lens, directions: Tensor) -> Tensor:
    """Whether directions (..., 3) lie at most a little further off one camera's axis than its picture's corners."""
    right, low = float(camera.width), float(camera.height)
    corners = camera.K.new_tensor([[0.0, 0.0], [right, 0.0], [0.0, low], [right, low]])
    points = (corners - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
    furthest = _off_axis(straighten(lens, points)).max()
    return _off_axis(directions) <= 1.1 * furthest


def _off_axis(directions: Tensor) -> Tensor:
    """The angle between directions (..., 3) and +z, in radians."""
    return torch.atan2(torch.linalg.vector_norm(directions[..., :2], dim=-1), directions[..., 2])


def sees(camera: Camera, points: Tensor) -> Tensor:
    """Whether points (n, 3) lie in front of one camera and inside its picture, (n,) bool; occlusion isn't looked at."""
    xs, ys = image_points(camera, points - camera.c2w[:3, 3])
    return (xs >= 0.0) & (xs <= camera.width) & (ys >= 0.0) & (ys <= camera.height)


def look_at(position, target, up=(0.0, 0.0, 1.0)) -> Tensor:
    """c2w (4, 4) of a camera at `position` that looks at `target` with `up` upwards in the picture."""
    eye, to, up = (torch.as_tensor(v, dtype=torch.float32) for v in (position, target, up))
    back = torch.nn.functional.normalize(eye - to, dim=0)
    right = torch.linalg.cross(up, back)
    if torch.linalg.vector_norm(right) < 1e-6:  # looking along `up`: any perpendicular to it will do
        right = torch.linalg.cross(torch.roll(up, 1), back)
    right = torch.nn.functional.normalize(right, dim=0)
    c2w = torch.eye(4)
    c2w[:3] = torch.stack([right, torch.linalg.cross(back, right), back, eye], dim=1)
    return c2w
