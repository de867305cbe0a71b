"""One sample in each of equal bins (stratified sampling: Mildenhall et al. 2020, section 4 and equation 2)."""

import torch

from core.fields.base import Field
from core.rays import Rays
from core.sampler_settings import StratifiedSettings
from core.samplers.base import Guide, Sampled
from core.samplers.intervals import equal_shares, ray_ends, samples_between, seen_samples
from core.settings import Box, MarchSettings


class StratifiedSampler:
    """Cuts what of each ray lies in the scene into equal bins, one sample in each.

    Args:
        box: the scene's outermost bounds.
    """

    def __init__(self, settings: StratifiedSettings, box: Box):
        self._n_bins, self._box = settings.n_bins, box

    def sample(
        self, field: Field, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        t_mins, t_maxs = ray_ends(rays, self._box, march)
        shares = equal_shares(len(t_mins), self._n_bins, generator, t_mins.device)
        return seen_samples(field, rays, samples_between(t_mins[:, None] + shares * (t_maxs - t_mins)[:, None]), march)

    def guides(self, field: Field, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """See `Sampler.guides`: none, for the samples are the bins."""
        return ()
