"""The PSNR of held-out views while training goes on, on a fixed sample of their pixels."""

import torch

from core.datasets.dataset import Views
from core.rendering.pixel_sample import PixelSample, pixel_psnr, sample_pixels
from core.training.trainer import Trainer

N_VIEWS = 4
N_PIXELS = 8192
"""Pixels of each view: the estimate is within 0.1 dB of the whole views' PSNR nineteen times out of twenty."""


class HeldOut:
    """A sample of the pixels of up to four held-out views, evenly spread from the first to the last.

    Args:
        views: the held-out views, at least one.
        n_pixels: of each.
        seed: for the choice of pixels, which uses its own generator.
    """

    def __init__(self, views: Views, device: str, n_pixels: int = N_PIXELS, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        views = views.spread(N_VIEWS)
        self._samples = [sample_pixels(views, view, n_pixels, generator).to(device) for view in range(len(views))]

    def __len__(self) -> int:
        """The number of views."""
        return len(self._samples)

    def psnr_of(self, view: int, trainer: Trainer) -> float:
        """The PSNR of one of the views in dB, as `training_psnr` measures it."""
        return training_psnr(trainer, self._samples[view])

    def psnr(self, trainer: Trainer) -> float:
        """The mean of the views' PSNRs in dB."""
        return sum(self.psnr_of(view, trainer) for view in range(len(self))) / len(self)


def training_psnr(trainer: Trainer, sample: PixelSample) -> float:
    """PSNR in dB over a sample of a view's pixels, with training's thresholds, over white."""
    background = torch.ones(3, device=trainer.device)
    return pixel_psnr(trainer.field, trainer.sampler, sample, trainer.effective_march, background)
