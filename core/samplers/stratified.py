"""One sample in each of equal bins (stratified sampling: Mildenhall et al. 2020, section 4 and equation 2)."""

from dataclasses import dataclass
from typing import Annotated

import torch

from core.config.march import MarchSettings
from core.config.setting import Setting
from core.config.types import Box
from core.fields.along_rays import AnyField
from core.geometry.rays import Rays
from core.samplers.base import Sampled, Sampler, SamplerKind, SamplerSettings
from core.samplers.intervals import ray_ends, samples_between, seen_samples
from core.samplers.resampling import Spacing, even_edges, spacing_in


@dataclass(frozen=True)
class StratifiedSettings(SamplerSettings):
    """One sample in each of equal bins between the planes and inside the box (Mildenhall et al. 2020, equation 2)."""

    n_bins: Annotated[int, Setting("Bins on each ray, one sample in each.", low=1, high=4096)] = 128


class StratifiedSampler(Sampler):
    """Divides the part of each ray in the scene into equal bins, with one sample in each.

    Args:
        box: the scene's outermost bounds.
        spacing: the measure in which bins are equal.
    """

    def __init__(self, settings: StratifiedSettings, box: Box, spacing: Spacing = Spacing()):
        self._n_bins, self._box, self._spacing = settings.n_bins, spacing.bounds(box), spacing

    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        edges = even_edges(*ray_ends(rays, self._box, march), self._n_bins, self._spacing, generator)
        return seen_samples(field, rays, samples_between(self._spacing.stretched(edges)), march)


SAMPLER = SamplerKind(
    StratifiedSettings,
    lambda settings, inputs: StratifiedSampler(settings, inputs.box, spacing_in(inputs.space)),
    "One sample in each of many equal bins along the whole ray.",
    "Most samples lie in empty space.",
)
