"""A dataset's photo resampled to the raster of a view from the same place, to compare them pixel by pixel."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.datasets.dataset import Views
from core.datasets.loading.pixel_layout import split_alpha
from core.geometry.cameras import Camera, image_points, rays_through

HIDDEN_BRIGHTNESS = 0.25
"""Brightness of what a mask hides: still visible, and visibly not counted."""


class Photo(NamedTuple):
    """A photo in a view's raster.

    Attributes:
        colors: (height, width, 3) float32 in [0, 1], multiplied by `opacities`.
        opacities: (height, width) float32, the photo's alpha; 0 outside the photo.
        inside: (height, width) float32, the share of each pixel that the photo covers with what no mask hides.
    """

    colors: np.ndarray
    opacities: np.ndarray
    inside: np.ndarray

    def over(self, background: tuple[float, float, float]) -> np.ndarray:
        """Colours (height, width, 3) float32 over a background."""
        return self.colors + (1.0 - self.opacities[..., None]) * np.array(background, np.float32)


@torch.no_grad()
def photo_in_view(views: Views, index: int, camera: Camera) -> Photo:
    """Resample a photo to the pixels of a view from the same place.

    The corners of each pixel are projected into the photo along their rays. The pixel is the mean of the photo over
    their bounding rectangle, which is at least one pixel of the photo wide and high: a smaller view averages areas, a
    larger one interpolates linearly, and at the photo's own size it is unchanged. What a mask hides is darkened.

    Args:
        camera: the view's; it may be turned.
    """
    taken_by, mask = views.cameras[index], views.mask(index)
    low, high = _footprints(taken_by, camera)
    limit = taken_by.extent.double()
    inside = _area(_clipped(low, limit), _clipped(high, limit)) / _area(low, high)
    center, half = 0.5 * (low + high), (0.5 * (high - low)).clamp_min(0.5)
    low, high = _clipped(center - half, limit), _clipped(center + half, limit)
    rgbs, alphas = split_alpha(views.image(index))
    used = torch.ones_like(alphas) if mask is None else mask[..., None].to(alphas)
    shown = rgbs * alphas * (HIDDEN_BRIGHTNESS + (1.0 - HIDDEN_BRIGHTNESS) * used)
    sums = _box_sums(torch.cat([shown, alphas, used], dim=-1), low, high)
    means = sums * (inside.nan_to_num(0.0) / _area(low, high).clamp_min(1e-9))[..., None]
    means = means.clamp(0.0, 1.0).float().cpu().numpy()
    return Photo(means[..., :3], means[..., 3], means[..., 4])


def _footprints(photo: Camera, view: Camera) -> tuple[Tensor, Tensor]:
    """The bounding rectangle, in the photo's pixels, of what each pixel of the view sees: upper left and lower right
    corners, (height, width, 2) float64 each; NaN where a corner lies behind the photo's camera."""
    # float64: errors of the corners would shift the photo visibly
    photo, view = (c.to(photo.K.device).to(torch.float64) for c in (photo, view))
    xs = torch.arange(view.width + 1, device=view.K.device, dtype=torch.float64)
    ys = torch.arange(view.height + 1, device=view.K.device, dtype=torch.float64)
    grid = torch.meshgrid(ys, xs, indexing="ij")
    rays = rays_through(view, grid[1].flatten(), grid[0].flatten())
    points = torch.stack(image_points(photo, rays.rays_d), dim=-1).view(view.height + 1, view.width + 1, 2)
    corners = torch.stack([points[:-1, :-1], points[:-1, 1:], points[1:, :-1], points[1:, 1:]])
    return corners.amin(0), corners.amax(0)


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).prod(-1)


def _clipped(points: Tensor, limit: Tensor) -> Tensor:
    return torch.minimum(points.nan_to_num(0.0), limit).clamp_min(0.0)


def _box_sums(image: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Integrals (height, width, n) of an image (rows, columns, n) over rectangles in it, by a summed-area table (Crow
    1984). The image is constant within a pixel, so the table is bilinear between its entries."""
    rows, columns, _ = image.shape
    table = torch.nn.functional.pad(image.double().permute(2, 0, 1).cumsum(1).cumsum(2), (1, 0, 1, 0))
    size = torch.tensor([columns, rows], dtype=torch.float64, device=image.device)

    def at(x: Tensor, y: Tensor) -> Tensor:
        where = 2.0 * torch.stack([x, y], dim=-1) / size - 1.0
        return torch.nn.functional.grid_sample(table[None], where[None], align_corners=True, padding_mode="border")[0]

    (left, top), (right, bottom) = low.unbind(-1), high.unbind(-1)
    sums = at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top)
    return sums.permute(1, 2, 0)
