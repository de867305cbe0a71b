"""Where samples come to lie: evenly on a ray, or where weights that are known already say.

A ray's bins lie between edges as in `core.samplers.intervals`: those of rays that miss the scene are all NaN. Here
edges are lengths that `Spacing` squashed, so that equal shares of the way are equal parts of these lengths.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.types import Box
from core.kernels.contraction import Space
from core.kernels.grid import FAR_AWAY
from core.samplers.intervals import equal_shares

_LEAST_DISPARITY = 2.0**-23
"""What float32 tells from nothing, beside the distance up to which samples lie evenly: no edge is at infinity."""

_EVERYWHERE: Box = (-FAR_AWAY, -FAR_AWAY, -FAR_AWAY, FAR_AWAY, FAR_AWAY, FAR_AWAY)


class Spacing(NamedTuple):
    """How far apart samples of equal shares lie: evenly in t up to a distance, and evenly in 1 / t beyond it, where
    what is twice as far away covers half as many pixels.

    Attributes:
        even_to: the distance, in scene units; inf: evenly throughout.
        endless: whether rays go on behind the scene's box.
    """

    even_to: float = math.inf
    endless: bool = False

    def bounds(self, box: Box) -> Box:
        """What bounds rays through a scene: its outermost box, or nothing but their planes and the crop."""
        return _EVERYWHERE if self.endless else box

    def squashed(self, t: Tensor) -> Tensor:
        """t up to the distance d, and 2d - d^2 / t beyond, which goes on as steeply and never passes 2d."""
        if self.even_to == math.inf:
            return t
        return torch.where(t <= self.even_to, t, self.even_to * (2.0 - self.even_to / t.clamp_min(self.even_to)))

    def stretched(self, lengths: Tensor) -> Tensor:
        """The inverse of `squashed`."""
        if self.even_to == math.inf:
            return lengths
        beyond = self.even_to / (2.0 - lengths / self.even_to).clamp(_LEAST_DISPARITY, 1.0)
        return torch.where(lengths <= self.even_to, lengths, beyond)


def spacing_in(space: Space) -> Spacing:
    """Even inside a box; where all space around it is covered too, even up to one diagonal of the box. In normalised
    device coordinates even up to the near plane only: behind it they are even in disparity themselves."""
    if space.contraction == "none":
        return Spacing()
    if space.frame is not None:
        return Spacing(1.0 / math.hypot(*space.frame.axes[6:]), space.endless)
    return Spacing(space.diagonal, space.endless)


def even_edges(
    t_mins: Tensor, t_maxs: Tensor, n_bins: int, spacing: Spacing, generator: torch.Generator | None
) -> Tensor:
    """Squashed edges of bins, (n_rays, n_bins + 1), from t_mins to t_maxs (n_rays,); see `equal_shares`."""
    low, high = spacing.squashed(t_mins)[:, None], spacing.squashed(t_maxs)[:, None]
    return torch.lerp(low, high, equal_shares(t_mins.shape[0], n_bins, generator, t_mins.device))


def one_in_each(n_rays: int, n: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """A share in each of n equal parts of each ray, (n_rays, n): anywhere in them, or in their middles with None."""
    parts = torch.arange(n, device=device).expand(n_rays, n)
    if generator is None:
        return (parts + 0.5) / n
    return (parts + torch.rand(n_rays, n, generator=generator, device=device)) / n


def quantiles(edges: Tensor, weights: Tensor, shares: Tensor) -> Tensor:
    """Where shares of the weight lie before: the inverse transform of a piecewise constant density (Mildenhall et al.
    2020, section 5.2).

    Args:
        edges: (n_rays, n + 1), ascending.
        weights: (n_rays, n), at least 0, and above it in one bin of each ray.
        shares: (n_rays, m), 0 to 1.

    Returns:
        (n_rays, m); NaN on rays whose edges are NaN.
    """
    before = torch.nn.functional.pad(torch.cumsum(weights, 1), (1, 0))
    wanted = shares * before[:, -1:]
    bins = (torch.searchsorted(before, wanted, right=True) - 1).clamp(0, weights.shape[1] - 1)
    low, high = before.gather(1, bins), before.gather(1, bins + 1)
    within = ((wanted - low) / (high - low).clamp_min(torch.finfo(low.dtype).tiny)).clamp(0.0, 1.0)
    return torch.lerp(edges.gather(1, bins), edges.gather(1, bins + 1), within)


def by_ray(values: Tensor, packed_info: Tensor, n: int) -> Tensor:
    """Values (n_samples,) of packed samples, n on each ray that has any: (n_rays, n), 0 on rays that have none."""
    spread = values.new_zeros(packed_info.shape[0], n)
    spread[packed_info[:, 1] > 0] = values.view(-1, n)
    return spread
