"""A sample of a photo's pixels, and the PSNR that they estimate for the whole of it.

Errors are largest where a photo has edges and texture, so pixels there are drawn more often and count for less
(importance sampling): a few thousand pixels then tell the PSNR of a view as well as many times as many drawn uniformly.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.datasets.dataset import PixelBatch, Views
from core.fields.base import Field
from core.rendering.metrics import decibels
from core.rendering.render import render_pixels
from core.samplers.base import Sampler

_UNIFORM = 0.5
"""The share of the sample that is drawn uniformly: it bounds the weight of a pixel where nothing was expected."""


class PixelSample(NamedTuple):
    """Pixels of one view.

    Attributes:
        pixels: n of them.
        weights: (n,) float64; the weighted sum of squared errors estimates the view's mean, without bias.
    """

    pixels: PixelBatch
    weights: Tensor

    def to(self, device: torch.device | str) -> "PixelSample":
        return PixelSample(self.pixels.to(device), self.weights.to(device))


def sample_pixels(views: Views, index: int, n_pixels: int, generator: torch.Generator) -> PixelSample:
    """Pixels of one view that count, by stratified sampling; where the photo changes, more of them.

    Args:
        n_pixels: how many; a view that has no more gives all of them, in order.
        generator: on the CPU.
    """
    n = views.n_used(index)
    if n <= n_pixels:
        return PixelSample(views.used_pixels(index, torch.arange(n)), torch.full((n,), 1.0 / max(n, 1)).double())
    contrast = _contrast(views.image(index).cpu())
    mask = views.mask(index)
    contrast = (contrast.flatten() if mask is None else contrast[mask.cpu()]).double()
    total = contrast.sum()
    shares = contrast.mul_((1.0 - _UNIFORM) / total).add_(_UNIFORM / n) if total > 0.0 else contrast.add_(1.0 / n)
    ends = shares.cumsum(0)
    places = (torch.arange(n_pixels) + torch.rand(n_pixels, generator=generator, dtype=torch.float64)) / n_pixels
    drawn = torch.searchsorted(ends, places * ends[-1]).clamp_max(n - 1)
    return PixelSample(views.used_pixels(index, drawn), 1.0 / (n_pixels * n * shares[drawn]))


@torch.no_grad()
def pixel_psnr(field: Field, sampler: Sampler, sample: PixelSample, march: MarchSettings, background: Tensor) -> float:
    """PSNR in dB over a sample's pixels, which estimates the whole view's; inf if there is no difference, NaN without
    pixels.

    Args:
        sample: on the field's device.
        background: (3,) float32 on the field's device, behind both.
    """
    pixels, weights = sample
    if not len(weights):
        return math.nan
    colors = render_pixels(field, sampler, pixels.rays, march, background).colors
    errors = (colors.clamp(0.0, 1.0) - pixels.over(background)).double().square().mean(1)
    return decibels(float((weights * errors).sum()))


def _contrast(image: Tensor) -> Tensor:
    """How much each pixel of an image (height, width, 3 or 4) uint8 differs from its neighbours: (height, width)."""
    values = image.float().mean(2)
    contrast = torch.zeros_like(values)
    for axis in (0, 1):
        steps, size = values.diff(dim=axis).abs_(), values.shape[axis]
        contrast.narrow(axis, 0, size - 1).add_(steps)
        contrast.narrow(axis, 1, size - 1).add_(steps)
    return contrast
