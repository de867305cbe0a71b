"""Adjacent samples, which samplers without a grid have in common.

A ray's edges are ascending t. Between each two of them lies one sample, which stands for this interval and is evaluated
at its midpoint. A ray that misses the scene has edges that are all NaN, and no samples.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.config.types import Box
from core.fields.along_rays import AnyField, densities_at
from core.geometry.boxes import crop_box
from core.geometry.rays import Rays, Samples
from core.kernels.grid import FAR_AWAY
from core.kernels.march_start import intersect_box
from core.kernels.visibility import Round, Visibility, kept_samples
from core.samplers.base import Sampled


def ray_ends(rays: Rays, box: Box, march: MarchSettings) -> tuple[Tensor, Tensor]:
    """Where rays are inside a box and the crop, and between the planes: t_mins, t_maxs (n_rays,); NaN if nowhere."""
    t_mins, t_maxs = intersect_box(rays, crop_box(box, march.crop), march.near_plane, march.far_plane)
    hit = t_mins < t_maxs
    return torch.where(hit, t_mins, torch.nan), torch.where(hit, t_maxs, torch.nan)


def equal_shares(n_rays: int, n_bins: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Edges of bins as shares of each ray, (n_rays, n_bins + 1) from 0 to 1.

    Args:
        generator: shifts each inner edge randomly by up to half a bin (Barron et al. 2021's stratified intervals);
            None: all bins are equal.
    """
    shares = torch.linspace(0.0, 1.0, n_bins + 1, device=device).expand(n_rays, -1)
    if generator is None or n_bins == 1:
        return shares
    shifts = (torch.rand(n_rays, n_bins - 1, generator=generator, device=device) - 0.5) / n_bins
    return torch.cat([shares[:, :1], shares[:, 1:-1] + shifts, shares[:, -1:]], dim=1)


class Hits(NamedTuple):
    """The rays that have samples.

    Attributes:
        mask: (n_rays,) bool, whether a ray is one of them.
        rays: (n_hit,) int64, their indices, ascending.
    """

    mask: Tensor
    rays: Tensor


def hits_of(edges: Tensor) -> Hits:
    """The rays that meet the scene, whose edges (n_rays, n) aren't NaN; CUDA is waited for."""
    mask = ~edges[:, 0].isnan()
    return Hits(mask, mask.nonzero().view(-1))


def samples_between(edges: Tensor, hits: Hits | None = None) -> Samples:
    """The samples between edges (n_rays, n + 1), packed; rays whose edges are NaN have none.

    Args:
        hits: the rays whose edges aren't, where they are known; else CUDA is waited for.
    """
    hits = hits or hits_of(edges)
    inside = edges[hits.rays]
    return packed_samples(inside[:, :-1], inside[:, 1:], hits)


def packed_samples(t_starts: Tensor, t_ends: Tensor, hits: Hits) -> Samples:
    """The samples of those rays that have any, (n_hit, n), packed over all rays."""
    n = t_starts.shape[1]
    counts = hits.mask.int() * n
    packed_info = torch.stack([torch.cumsum(counts, 0, dtype=torch.int32) - counts, counts], dim=1)
    ray_indices = hits.rays.int().repeat_interleave(n)
    return Samples(t_starts.reshape(-1), t_ends.reshape(-1), ray_indices, packed_info)


def seen_samples(field: AnyField, rays: Rays, samples: Samples, march: MarchSettings, n_before: int = 0) -> Sampled:
    """The samples that are visible. If gradients are recorded, all are kept, and no density is evaluated.

    Args:
        n_before: densities that were evaluated on each ray to place the samples.
    """
    n_rays, device = rays.rays_o.shape[0], rays.rays_o.device
    counts = samples.packed_info[:, 1]
    n_marched = counts + n_before * (counts > 0)
    if torch.is_grad_enabled() or max(march.alpha_thre, march.early_stop_eps) <= 0.0:
        nowhere = torch.zeros(n_rays, dtype=torch.bool, device=device)
        return Sampled(samples, None, None, None, n_marched, n_marched, nowhere)
    sigmas, features = densities_at(field, rays, samples)
    visibility = Visibility(n_rays, march, device)
    everyone = torch.arange(n_rays, dtype=torch.int32, device=device)
    done = torch.full((n_rays,), FAR_AWAY, device=device)  # nothing comes behind these samples
    ranks, _ = visibility.mark(samples, sigmas, everyone, done)
    kept, sigmas, features = kept_samples([Round(samples, sigmas, features, ranks)], visibility.n_kept)
    trans = torch.exp(-visibility.thickness)
    return Sampled(kept, sigmas, features, trans, n_marched, n_marched, visibility.stopped)
