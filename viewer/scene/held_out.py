"""The held-out PSNR curve: the same few pixels of a few test views, measured repeatedly while training goes on."""

import torch

from core.datasets.dataset import PixelBatch, Views
from core.rendering.metrics import pixel_psnr
from core.training.trainer import Trainer

N_VIEWS = 4
N_PIXELS = 4096
"""Pixels per view. Rendering them takes about as long as a small picture."""
FIRST_TIMES = (1.0, 2.0, 3.0, 5.0)


class HeldOut:
    """PSNR over fixed random pixels of up to four test views, one view per slice, so that a slice fits between two
    pictures.

    Args:
        views: the test views, at least one.
        seed: for the choice of pixels, which uses its own generator.
    """

    def __init__(self, views: Views, device: str, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        views = views.spread(N_VIEWS)
        self._pixels = [views.scatter(view, N_PIXELS, generator).to(device) for view in range(len(views))]
        self._psnrs: list[float] = []
        self._next_at = 0.0

    def due(self, training_seconds: float) -> bool:
        """Whether a slice is due: a measurement is under way, or the next one's time has come."""
        return bool(self._psnrs) or training_seconds >= max(self._next_at, FIRST_TIMES[0])

    def slice(self, trainer: Trainer) -> float | None:
        """Measure the next view; returns the mean of the views' PSNRs in dB after the last one, else None."""
        self._psnrs.append(training_psnr(trainer, self._pixels[len(self._psnrs)]))
        if len(self._psnrs) < len(self._pixels):
            return None
        psnrs, self._psnrs = self._psnrs, []
        self._next_at = next_time(trainer.seconds)
        return sum(psnrs) / len(psnrs)


def training_psnr(trainer: Trainer, pixels: PixelBatch) -> float:
    """PSNR in dB over given pixels of a view, with training's thresholds, over white."""
    background = torch.ones(3, device=trainer.device)
    return pixel_psnr(trainer.field, trainer.sampler, pixels, trainer.settings.march, background)


def next_time(training_seconds: float) -> float:
    """When to measure next: at 1, 2, 3 and 5 s of training, then every tenth of the time, at least 5 s apart."""
    coming = (t for t in FIRST_TIMES if t > training_seconds)
    return next(coming, training_seconds + max(5.0, 0.1 * training_seconds))
