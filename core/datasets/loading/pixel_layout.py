"""Pixels as images store them: their positions, one image after the other, which of them count, and their values."""

import torch
from torch import Tensor

_RUN = 32
"""Pixels that count are tallied in runs of this length: a quarter of a byte per pixel, where a list would take
eight."""


class PixelLayout:
    """The pixels of n images, row by row, image after image.

    Args:
        areas: (n,) int64, how many pixels each image has.
        used: (n_pixels,) bool, the pixels that count; None: all.

    Attributes:
        firsts: (n,) int64, how many pixels precede each image.
        counts: (n,) int64, how many pixels of each image count.
    """

    def __init__(self, areas: Tensor, used: Tensor | None):
        ends = areas.cumsum(0)
        self.firsts = ends - areas
        self._numbering = None if used is None else _Numbering(used)
        self._before = self.firsts if self._numbering is None else self._numbering.before(self.firsts)
        self.counts = areas if self._numbering is None else self._numbering.before(ends) - self._before

    def draw(self, n_pixels: int, generator: torch.Generator, among: Tensor | None) -> tuple[Tensor, Tensor]:
        """Draw pixels that count, uniformly and with replacement.

        Args:
            among: (m,) int64, the images to draw from; None: all.

        Returns:
            images, pixels: (n_pixels,) int64; pixels are numbered row by row within their images.
        """
        counts = self.counts if among is None else self.counts[among]
        ends = counts.cumsum(0)
        shares = torch.rand(n_pixels, dtype=torch.float64, generator=generator, device=counts.device)
        # float64 resolves all pixels, and their number needn't be read back from CUDA
        drawn = (shares * ends[-1]).long()
        images = torch.searchsorted(ends, drawn, right=True)
        numbers = drawn - (ends - counts)[images]
        images = images if among is None else among[images]
        return images, self.find(images, numbers)

    def find(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Pixels (n,) int64, numbered row by row within images (n,), from their numbers among those that count
        there."""
        if self._numbering is None:
            return numbers
        return self._numbering.find(self._before[images] + numbers) - self.firsts[images]


class _Numbering:
    """Numbers the pixels that count, given as (n_pixels,) bool, and finds them by their numbers."""

    def __init__(self, used: Tensor):
        whole = used.shape[0] // _RUN
        runs = used[: whole * _RUN].view(whole, _RUN).sum(1)
        if whole * _RUN < used.shape[0]:
            runs = torch.cat([runs, used[whole * _RUN :].sum()[None]])
        self._used, self._before = used, torch.nn.functional.pad(runs.cumsum(0), (1, 0))

    def before(self, places: Tensor) -> Tensor:
        """How many pixels that count precede places (n,) from 0 to n_pixels: (n,) int64."""
        run = places // _RUN
        earlier = torch.arange(_RUN, device=places.device) < (places % _RUN)[:, None]
        return self._before[run] + (self._run(run) & earlier).sum(1)

    def find(self, numbers: Tensor) -> Tensor:
        """The places of the pixels with these numbers (n,), counted from 0: (n,) int64."""
        run = torch.searchsorted(self._before, numbers, right=True) - 1
        within = numbers - self._before[run]
        return run * _RUN + (self._run(run).cumsum(1) <= within[:, None]).sum(1)

    def _run(self, run: Tensor) -> Tensor:
        """The pixels of runs (n,): (n, _RUN) bool; False past the last pixel."""
        places = run[:, None] * _RUN + torch.arange(_RUN, device=run.device)
        last = self._used.shape[0] - 1
        return self._used[places.clamp_max(last)] & (places <= last)


def split_alpha(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 pixels (..., 3 or 4) as float32 straight colour (..., 3) and alpha (..., 1), in [0, 1]."""
    values = pixels.float() / 255.0
    if values.shape[-1] == 4:
        return values[..., :3], values[..., 3:]
    return values, torch.ones_like(values[..., :1])
