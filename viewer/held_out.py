"""The held-out PSNR curve: the same few pixels of a few test views, measured again as training goes on."""

import torch
from torch import Tensor

from core.cameras import rays_through
from core.datasets.base import Views
from core.evaluation import decibels
from core.rays import Rays
from core.rendering import render_rays
from core.trainer import Trainer

N_VIEWS = 4
N_PIXELS = 4096
FIRST_TIMES = (1.0, 2.0, 3.0, 5.0)


class HeldOut:
    """PSNR over fixed random pixels of up to four test views, in slices of one view.

    A slice costs as much as a small picture, so that it fits between two views. The background is white.

    Args:
        views: the test views, at least one.
        seed: of the choice of pixels, which draws from a generator of its own.
    """

    def __init__(self, views: Views, device: str, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        views = views.spread(N_VIEWS)
        self._background = torch.ones(3)
        self._pixels = [self._choose(views, view, device, generator) for view in range(len(views))]
        self._squared_errors: list[float] = []
        self._next_at = 0.0

    def due(self, training_seconds: float) -> bool:
        """Whether a slice is wanted: a measurement has begun, or the next one's time has come."""
        return bool(self._squared_errors) or training_seconds >= max(self._next_at, FIRST_TIMES[0])

    def slice(self, trainer: Trainer) -> float | None:
        """Measure the next view; after the last one, the mean of the views' PSNRs in dB, else None."""
        rays, target = self._pixels[len(self._squared_errors)]
        background = self._background.to(trainer.device)
        with torch.no_grad():
            out = render_rays(trainer.field, trainer.sampler, rays, trainer.settings.march, background)
        self._squared_errors.append(float(torch.mean((out.colors.clamp(0.0, 1.0) - target) ** 2)))
        if len(self._squared_errors) < len(self._pixels):
            return None
        psnrs = [decibels(max(error, 1e-10)) for error in self._squared_errors]
        self._squared_errors = []
        self._next_at = next_time(trainer.seconds)
        return sum(psnrs) / len(psnrs)

    def _choose(self, views: Views, index: int, device: str, generator: torch.Generator) -> tuple[Rays, Tensor]:
        """Rays through pixels of one view, and the photo's colours (n, 3) there."""
        camera = views.cameras[index]
        n_pixels = camera.width * camera.height
        pixels = torch.randperm(n_pixels, generator=generator)[: min(N_PIXELS, n_pixels)]
        ys, xs = pixels // camera.width, pixels % camera.width
        target = views.photo(index, self._background)[ys, xs]
        rays = rays_through(camera.c2w, camera.K, xs + 0.5, ys + 0.5)
        return Rays(*(x.to(device) for x in rays)), target.to(device)


def next_time(training_seconds: float) -> float:
    """When to measure next: at 1, 2, 3 and 5 s of training, then every tenth of the time, at least 5 s apart."""
    coming = (t for t in FIRST_TIMES if t > training_seconds)
    return next(coming, training_seconds + max(5.0, 0.1 * training_seconds))
