"""Samples in the occupied cells of nested grids (Müller et al. 2022, section 3 and appendix E)."""

from dataclasses import dataclass

import torch

from core.config.march import MarchSettings, check_step
from core.config.setting import settings_of
from core.fields.along_rays import AnyField, densities_at
from core.fields.base import Field
from core.geometry.rays import Rays
from core.kernels.fused_march import march_on, marches_at_once
from core.kernels.marching import March
from core.kernels.visibility import Round, Visibility, kept_samples
from core.samplers.base import Sampled, Sampler, SamplerKind, SamplerSettings
from core.samplers.occupancy_grid import OccupancyGrid

_MOST_IN_A_ROUND = 1 << 22
"""The most samples of all rays in a round: tiny steps take more rounds, not more memory."""


@dataclass(frozen=True)
class OccupancySettings(SamplerSettings):
    """Samples in the occupied cells of nested grids; what the grid is like, `TrainSettings` says."""

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(settings_of(MarchSettings))


class OccupancySampler(Sampler):
    """Marches rays in equal steps through the occupied cells of a grid, until they are opaque."""

    def __init__(self, grid: OccupancyGrid):
        self.grid = grid

    @torch.no_grad()
    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`. `march.occ_thre` decides anew which cells are occupied.

        Raises:
            ValueError: the step is absurdly small for the scene, see `check_step`.
        """
        check_step(march, self.grid.box)
        n_rays, device = rays.rays_o.shape[0], rays.rays_o.device
        jitter = None if generator is None else torch.rand(n_rays, generator=generator, device=device)
        progress = March(self.grid.grid_state(march.occ_thre), rays, march, jitter)
        visibility = Visibility(n_rays, march, device)
        rounds, n_samples = [], None
        active = torch.arange(n_rays, dtype=torch.int32, device=device)  # rays that miss the box end in the first round
        density = None
        if isinstance(field, Field) and marches_at_once(progress, n_rays):
            density = field.march_density(keeps_features=True)
        while active.shape[0] > 0 or not rounds:
            if density is not None:
                found, active, n_samples = march_on(progress, visibility, active, round_size, density)
                rounds.append(found)
                continue
            samples = progress.round(active, round_size)
            sigmas, features = densities_at(field, rays, samples)
            ranks, goes_on = visibility.mark(samples, sigmas, active, progress.t_nexts)
            rounds.append(Round(samples, sigmas, features, ranks))
            # both numbers at once: CUDA is waited for
            n_active, n_samples = torch.stack([goes_on.sum(), visibility.n_kept.sum()]).tolist()
            active = active[goes_on.nonzero_static(size=n_active).view(-1)]
            round_size = min(2 * round_size, max(1, _MOST_IN_A_ROUND // max(1, active.shape[0])))
        samples, sigmas, features = kept_samples(rounds, visibility.n_kept, n_samples)
        trans, n_dense = torch.exp(-visibility.thickness), progress.n_dense
        return Sampled(samples, sigmas, features, trans, n_dense, visibility.n_marched, visibility.stopped)


SAMPLER = SamplerKind(
    OccupancySettings,
    lambda settings, inputs: OccupancySampler(inputs.grid),
    "Equal steps, but only in occupied grid cells, and none behind an opaque surface.",
    "Few samples, where they matter; needs a box.",
)
