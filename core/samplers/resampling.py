"""Places samples along rays: evenly, or by the weights of an earlier pass.

A ray's bins lie between edges, as in `core.samplers.intervals`; a ray that misses the scene has edges that are all NaN.
Edges are in the squashed lengths of `Spacing`, in which "evenly" means bins of equal length.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.types import Box
from core.kernels.contraction import Space
from core.kernels.grid import FAR_AWAY
from core.samplers.intervals import Hits, equal_shares

_LEAST_DISPARITY = 2.0**-23
"""The smallest disparity, relative to that of `Spacing.even_to`: float32's precision. No edge lies at infinity."""

_EVERYWHERE: Box = (-FAR_AWAY, -FAR_AWAY, -FAR_AWAY, FAR_AWAY, FAR_AWAY, FAR_AWAY)


class Spacing(NamedTuple):
    """How samples are spaced: evenly in t up to a distance, and evenly in disparity, 1 / t, beyond it, where things
    twice as far away cover half as many pixels.

    Attributes:
        even_to: this distance, in scene units; inf: evenly in t everywhere.
        endless: whether rays continue behind the scene's box.
    """

    even_to: float = math.inf
    endless: bool = False

    def bounds(self, box: Box) -> Box:
        """The box that bounds rays: the scene's outermost one, or, if they are endless, one that bounds nothing."""
        return _EVERYWHERE if self.endless else box

    def squashed(self, t: Tensor) -> Tensor:
        """t up to the distance d, and 2d - d^2 / t beyond it: continuous with its slope, and never above 2d."""
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
    """The spacing that suits what a field covers: even inside a box; even up to one diagonal of the box if all space
    around it is covered; and even up to the near plane in normalised device coordinates, whose depth is a disparity."""
    if space.contraction == "none":
        return Spacing()
    if space.frame is not None:
        return Spacing(1.0 / math.hypot(*space.frame.axes[6:]), space.endless)
    return Spacing(space.diagonal, space.endless)


def even_edges(
    t_mins: Tensor, t_maxs: Tensor, n_bins: int, spacing: Spacing, generator: torch.Generator | None
) -> Tensor:
    """Edges of bins of equal squashed length from t_mins to t_maxs, (n_rays,) each.

    Args:
        generator: jitters the inner edges, see `equal_shares`; None: no jitter.

    Returns:
        (n_rays, n_bins + 1), squashed.
    """
    low, high = spacing.squashed(t_mins)[:, None], spacing.squashed(t_maxs)[:, None]
    return torch.lerp(low, high, equal_shares(t_mins.shape[0], n_bins, generator, t_mins.device))


def one_in_each(n_rays: int, n: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """One share in each of n equal parts of [0, 1], for each ray: (n_rays, n).

    Args:
        generator: draws it uniformly within its part; None: the part's middle.
    """
    parts = torch.arange(n, device=device).expand(n_rays, n)
    if generator is None:
        return (parts + 0.5) / n
    return (parts + torch.rand(n_rays, n, generator=generator, device=device)) / n


def quantiles(edges: Tensor, weights: Tensor, shares: Tensor) -> Tensor:
    """Inverse transform sampling of a piecewise constant density (Mildenhall et al. 2020, section 5.2).

    Args:
        edges: (n_rays, n + 1), ascending.
        weights: (n_rays, n), at least 0, and above 0 in at least one bin of each ray.
        shares: (n_rays, m), values of the cumulative distribution, 0 to 1.

    Returns:
        (n_rays, m), the places before which these shares of the weight lie; NaN on rays whose edges are NaN.
    """
    before = torch.nn.functional.pad(torch.cumsum(weights, 1), (1, 0))
    wanted = shares * before[:, -1:]
    bins = (torch.searchsorted(before, wanted, right=True) - 1).clamp(0, weights.shape[1] - 1)
    low, high = before.gather(1, bins), before.gather(1, bins + 1)
    within = ((wanted - low) / (high - low).clamp_min(torch.finfo(low.dtype).tiny)).clamp(0.0, 1.0)
    return torch.lerp(edges.gather(1, bins), edges.gather(1, bins + 1), within)


def by_ray(values: Tensor, hits: Hits, n: int) -> Tensor:
    """Unpack values (n_samples,) of samples, of which each ray has n or none: (n_rays, n), 0 on rays without any."""
    return values.new_zeros(len(hits.mask), n).index_copy(0, hits.rays, values.view(-1, n))
