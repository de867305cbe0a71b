"""What the path asks of a sampler."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from core.fields.base import Field
from core.rays import Rays, Samples
from core.settings import MarchSettings


class Sampled(NamedTuple):
    """The samples that a march kept, and what it learnt of them without gradient.

    Attributes:
        samples: packed over all rays.
        sigmas: (n_samples,) float32.
        features: (n_samples, n_features) float32.
        trans: (n_rays,) float32, transmittance where the march ended.
        n_dense: (n_rays,) int32, samples of a march that skips nothing.
        n_marched: (n_rays,) int32, samples whose density was evaluated.
        stopped: (n_rays,) bool, rays that ended because their transmittance fell below the threshold.
    """

    samples: Samples
    sigmas: Tensor
    features: Tensor
    trans: Tensor
    n_dense: Tensor
    n_marched: Tensor
    stopped: Tensor


class Sampler(Protocol):
    """Places samples on rays. On a CPU several threads may ask at once."""

    def sample(
        self, field: Field, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """March rays through a field, without gradient.

        Args:
            generator: jitters the samples; None places them deterministically.
            round_size: samples a ray takes in the first round; the picture doesn't depend on it.
        """
        ...
