"""The data of the one path: rays in, samples on them, pixels out.

Conventions:
- Samples are packed: those of all rays in one list, sorted by ray, then by t.
- `packed_info[r] = (first sample of ray r, number of samples of ray r)`; a ray may have none.
- t is the distance along a unit direction. Scalars per sample have shape (n_samples,).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Rays(NamedTuple):
    """Half-lines.

    Attributes:
        rays_o: (n_rays, 3) float32, origins.
        rays_d: (n_rays, 3) float32, unit directions.
        times: (n_rays,) float32 in [0, 1], when each ray was seen; None in a static scene.
    """

    rays_o: Tensor
    rays_d: Tensor
    times: Tensor | None = None

    def to(self, device: torch.device | str) -> "Rays":
        times = None if self.times is None else self.times.to(device)
        return Rays(self.rays_o.to(device), self.rays_d.to(device), times)


class Samples(NamedTuple):
    """Intervals on rays, packed.

    Attributes:
        t_starts, t_ends: (n_samples,) float32.
        ray_indices: (n_samples,) int32.
        packed_info: (n_rays, 2) int32.
    """

    t_starts: Tensor
    t_ends: Tensor
    ray_indices: Tensor
    packed_info: Tensor

    @property
    def n_samples(self) -> int:
        return self.t_starts.shape[0]


class RenderOutput(NamedTuple):
    """Pixels, before any display mapping.

    Attributes:
        colors: (n_rays, 3) float32, over the background.
        opacities: (n_rays,) float32 in [0, 1].
        depths: (n_rays,) float32, the weighted mean of t over what the ray hit; inf where opacity is 0.
        median_depths: (n_rays,) float32, t where transmittance passes 0.5; inf where it never does.
        trans: (n_rays,) float32, transmittance where the march ended; samples below `alpha_thre` count too.
        n_dense: (n_rays,) int32, samples of a march that skips no cell between the planes inside the box; for samplers
            without a grid, all samples whose density may be evaluated.
        n_marched: (n_rays,) int32, samples whose density was evaluated, by the sampler's own fields too.
        n_kept: (n_rays,) int32, samples that were composited, for which colour was evaluated.
        stopped: (n_rays,) bool, rays that ended because their transmittance fell below `early_stop_eps`.

    `render_image` returns the same with (height, width) in place of (n_rays,).
    """

    colors: Tensor
    opacities: Tensor
    depths: Tensor
    median_depths: Tensor
    trans: Tensor
    n_dense: Tensor
    n_marched: Tensor
    n_kept: Tensor
    stopped: Tensor
