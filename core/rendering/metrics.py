"""PSNR and SSIM of rendered views against photographs."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.datasets.dataset import Views
from core.fields.base import Field
from core.kernels.runtime.gpu_memory import attempt
from core.rendering.render import render_image
from core.samplers.base import Sampler

SSIM_WINDOW = 11
"""Pixels per side of SSIM's Gaussian window; smaller images have no SSIM."""

_SIGMA, _K1, _K2 = 1.5, 0.01, 0.03


class ViewScore(NamedTuple):
    """One view's figures over the pixels that count; `ssim` is NaN if no window fits among them."""

    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Evaluation:
    """Means of per-image figures over a set of views.

    Attributes:
        psnr: in dB.
        ssim: at most 1, over the views that have one; NaN if none has.
    """

    psnr: float
    ssim: float
    n_views: int
    per_view: tuple[ViewScore, ...]


def decibels(squared_error: float) -> float:
    """The PSNR in dB of a mean squared error between values in [0, 1]; inf for none, NaN for NaN."""
    return math.inf if squared_error <= 0.0 else -10.0 * math.log10(squared_error)


class PixelErrors:
    """The difference between two pictures, accumulated over pieces of them.

    Attributes:
        n_pixels: pixels accumulated so far.
        largest: the largest absolute difference of a channel, 0 to 1; NaN once any is NaN.
    """

    def __init__(self) -> None:
        self.n_pixels, self.largest, self._squares = 0, 0.0, 0.0

    def add(self, a: Tensor, b: Tensor) -> None:
        """Add pixels of both pictures, (n, 3) each; values are clamped to [0, 1], as they are shown."""
        difference = (a.clamp(0.0, 1.0) - b.clamp(0.0, 1.0)).abs()
        self.n_pixels += a.shape[0]
        if a.shape[0]:
            largest = float(difference.max())
            self.largest = largest if math.isnan(largest) else max(self.largest, largest)  # NaN > x is never true
        self._squares += float((difference.double() ** 2).sum())

    @property
    def psnr(self) -> float:
        """In dB; inf while there is no difference, NaN without pixels or if a colour is NaN."""
        if self.n_pixels == 0:
            return math.nan
        return decibels(self._squares / (3 * self.n_pixels))


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two images of one shape with values in [0, 1]; inf if they are equal.

    Raises:
        ValueError: the shapes differ.
    """
    _check_shapes(a, b)
    return decibels(float(torch.mean((a.double() - b.double()) ** 2)))


def ssim(a: Tensor, b: Tensor, mask: Tensor | None = None) -> float:
    """Structural similarity (Wang et al. 2004, equation 13), the mean over channels and all whole windows.

    Windows are Gaussian, 11x11 with sigma 1.5; K1 = 0.01, K2 = 0.03, as in the paper.

    Args:
        a, b: (height, width, channels) with values in [0, 1].
        mask: (height, width) bool; only windows wholly inside it count. None: all.

    Returns:
        At most 1; NaN if no window counts.

    Raises:
        ValueError: the shapes differ, or a side is shorter than the window.
    """
    _check_shapes(a, b)
    if a.ndim != 3 or min(a.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs images (height, width, channels) of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels, "
            f"got {tuple(a.shape)}"
        )
    hidden = None if mask is None else torch.nn.functional.max_pool2d((~mask)[None].double(), SSIM_WINDOW, stride=1)[0]
    # a channel at a time: windows take 100 bytes per pixel of one
    means = [_likeness(*channels, hidden) for channels in zip(a.unbind(-1), b.unbind(-1), strict=True)]
    return float(torch.stack(means).mean())


def _likeness(a: Tensor, b: Tensor, hidden: Tensor | None) -> Tensor:
    """The mean over whole windows of two images of one channel, (height, width): a scalar.

    Args:
        hidden: for each window, above 0 if it doesn't count; None: all count.
    """
    # Variances are differences of nearly equal numbers on bright flat areas: float64 keeps their digits.
    x, y = a.double(), b.double()
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _gaussian_mean(torch.stack([x, y, x * x, y * y, x * y]))
    c1, c2 = _K1**2, _K2**2
    covariance = mean_xy - mean_x * mean_y
    variances = (mean_xx - mean_x**2) + (mean_yy - mean_y**2)
    likeness = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    values = likeness / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
    return values.mean() if hidden is None else values[hidden == 0.0].mean()


def _gaussian_mean(images: Tensor) -> Tensor:
    """Means over SSIM's window, (n, height, width) -> (n, height - 10, width - 10): first along columns, then rows."""
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    weights = torch.exp(-0.5 * (offsets / _SIGMA) ** 2)
    weights = (weights / weights.sum()).tolist()
    for axis in (1, 2):
        size = images.shape[axis] - SSIM_WINDOW + 1
        # shifted sums: torch's float64 convolution on a CPU unfolds the image into eleven copies
        total = images.narrow(axis, 0, size) * weights[0]
        for shift in range(1, SSIM_WINDOW):
            total.add_(images.narrow(axis, shift, size), alpha=weights[shift])
        images = total
    return images


def _compared(rendered: Tensor, photo: Tensor, mask: Tensor | None) -> tuple[float, float]:
    """The PSNR and SSIM of two images (height, width, 3) where the mask (height, width) says that they count."""
    mask = None if mask is None else mask.to(rendered.device)
    used = slice(None) if mask is None else mask
    likeness = ssim(rendered, photo, mask) if min(photo.shape[:2]) >= SSIM_WINDOW else math.nan
    return psnr(rendered[used], photo[used]), likeness


def _check_shapes(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(f"images must have one shape to be compared, got {tuple(a.shape)} and {tuple(b.shape)}")


def evaluate(
    field: Field,
    sampler: Sampler,
    views: Views,
    march: MarchSettings,
    background: Tensor,
    on_view: Callable[[int, Tensor, Tensor], None] | None = None,
) -> Evaluation:
    """Render views and compare them with their photographs over the same background, where their pixels count.

    Args:
        views: at least one; they may be on another device.
        background: (3,) float32 on the field's device.
        on_view: called after each view with its index, the rendered image and the photograph, both
            (height, width, 3) float32 in [0, 1] on the field's device. An exception it raises ends the evaluation.

    Raises:
        ValueError: there are no views.
    """
    if not len(views):
        raise ValueError("an evaluation needs at least one view, got none")
    scores = []
    for index, name in enumerate(views.names):
        camera = views.cameras[index].to(background.device)
        rendered = render_image(field, sampler, camera, march, background).colors.clamp(0.0, 1.0)
        photo = views.photo(index, background.to(views.images.device)).to(background.device)
        if on_view is not None:
            on_view(index, rendered, photo)
        mask = views.mask(index)
        found = attempt(lambda rendered=rendered, photo=photo, mask=mask: _compared(rendered, photo, mask))
        scores.append(ViewScore(name, *(_compared(rendered.cpu(), photo.cpu(), mask) if found is None else found[0])))
    n, likenesses = len(scores), [score.ssim for score in scores if not math.isnan(score.ssim)]
    mean_ssim = sum(likenesses) / len(likenesses) if likenesses else math.nan
    return Evaluation(sum(s.psnr for s in scores) / n, mean_ssim, n, tuple(scores))
