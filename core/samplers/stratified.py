"""One sample in each of equal bins (stratified sampling: Mildenhall et al. 2020, section 4 and equation 2)."""

import torch

from core.config.march import MarchSettings
from core.config.sampler_settings import StratifiedSettings
from core.config.types import Box
from core.fields.base import Field
from core.geometry.rays import Rays
from core.samplers.base import Sampled, Sampler
from core.samplers.intervals import ray_ends, samples_between, seen_samples
from core.samplers.resampling import Spacing, even_edges


class StratifiedSampler(Sampler):
    """Cuts what of each ray lies in the scene into equal bins, one sample in each.

    Args:
        box: the scene's outermost bounds.
        spacing: what the equal bins are equal in.
    """

    def __init__(self, settings: StratifiedSettings, box: Box, spacing: Spacing = Spacing()):  # noqa: B008
        self._n_bins, self._box, self._spacing = settings.n_bins, spacing.bounds(box), spacing

    def sample(
        self, field: Field, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        edges = even_edges(*ray_ends(rays, self._box, march), self._n_bins, self._spacing, generator)
        return seen_samples(field, rays, samples_between(self._spacing.stretched(edges)), march)
