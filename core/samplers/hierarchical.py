"""Two fields: a coarse one says where the fine one's samples belong (Mildenhall et al. 2020, section 5.2)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.config.setting import Setting
from core.config.types import Box
from core.fields import make_field
from core.fields.along_rays import AnyField
from core.fields.base import LearntField, in_pieces
from core.geometry.rays import Rays
from core.kernels.marching import midpoints
from core.kernels.packed import accumulate_along_rays, render_weights
from core.samplers.base import (
    Guide,
    GuideKind,
    LearningSampler,
    Pass,
    Sampled,
    SamplerInputs,
    SamplerKind,
    SamplerSettings,
    weights_guide,
)
from core.samplers.intervals import Hits, hits_of, ray_ends, samples_between, seen_samples
from core.samplers.resampling import Spacing, by_ray, even_edges, one_in_each, quantiles, spacing_in

_LEAST_WEIGHT = 1e-5
"""Added to each coarse bin's weight, as in the paper's own code: on empty rays samples spread evenly."""


@dataclass(frozen=True)
class HierarchicalSettings(SamplerSettings):
    """A coarse field says where the samples of the fine one belong (Mildenhall et al. 2020, section 5.2)."""

    n_coarse: Annotated[int, Setting("Bins on each ray in which the coarse field is asked.", low=1, high=4096)] = 64
    n_fine: Annotated[
        int, Setting("Samples that are added where the coarse field found something.", low=1, high=4096)
    ] = 128


class HierarchicalSampler(LearningSampler):
    """Evaluates a coarse field in equal bins, and adds edges where its weights are: the fine field's samples lie
    between all edges.

    Args:
        box: the scene's outermost bounds.
        coarse: a `Field` of its own, which learns from the loss of its colours.
        spacing: the measure in which bins are equal.
    """

    def __init__(self, settings: HierarchicalSettings, box: Box, coarse: LearntField, spacing: Spacing = Spacing()):
        super().__init__()
        self.coarse = coarse
        self._settings, self._box, self._spacing = settings, spacing.bounds(box), spacing

    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        edges, hits, coarse, cuts = self._cut(rays, march, generator)
        fine = samples_between(self._spacing.stretched(torch.cat([edges, cuts], dim=1).sort(dim=1).values), hits)
        return seen_samples(field, rays, fine, march, n_before=self._settings.n_coarse)._replace(passes=(coarse,))

    @torch.no_grad()
    def guides(self, field: AnyField, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """See `Sampler.guides`: the coarse field's weights, and the edges that were added for them."""
        _, hits, coarse, cuts = self._cut(rays, march, None)
        added = self._spacing.stretched(cuts[hits.rays]).view(-1)
        return weights_guide("coarse field", coarse), Guide("added", GuideKind.PLACES, added, added[:0])

    def loss(self, sampled: Sampled, weights: Tensor, rays: Rays, target: Tensor, background: Tensor) -> Tensor:
        """The mean squared error of the coarse field's colours (the paper's equation 6)."""
        (coarse,) = sampled.passes
        assert coarse.colors is not None, "gradients are recorded where it learns"
        ones = torch.ones_like(coarse.weights)[:, None]
        opacities = accumulate_along_rays(coarse.weights, ones, coarse.samples.packed_info)
        return torch.mean((coarse.colors + background * (1.0 - opacities) - target) ** 2)

    def _cut(
        self, rays: Rays, march: MarchSettings, generator: torch.Generator | None
    ) -> tuple[Tensor, Hits, Pass, Tensor]:
        """Squashed edges of equal bins (n_rays, n_coarse + 1), the rays that have any, the pass over these bins, and
        edges to add (n_rays, n_fine)."""
        n_coarse, n_fine = self._settings.n_coarse, self._settings.n_fine
        edges = even_edges(*ray_ends(rays, self._box, march), n_coarse, self._spacing, generator)
        hits = hits_of(edges)
        coarse = self._coarse_pass(rays, edges, hits)
        weights = by_ray(coarse.weights.detach(), hits, n_coarse) + _LEAST_WEIGHT
        return edges, hits, coarse, quantiles(edges, weights, one_in_each(len(edges), n_fine, generator, edges.device))

    def _coarse_pass(self, rays: Rays, edges: Tensor, hits: Hits) -> Pass:
        """The coarse field's pass over bins between squashed edges; with colours only if gradients are recorded."""
        samples = samples_between(self._spacing.stretched(edges), hits)
        positions, directions = midpoints(rays, samples)
        rgbs = None
        if torch.is_grad_enabled():
            rgbs, sigmas = self.coarse.radiance(positions, directions)
        else:
            sigmas, _ = in_pieces(self.coarse.density, positions)
        weights, _ = render_weights(sigmas, samples.t_starts, samples.t_ends, samples.packed_info)
        if rgbs is None:
            return Pass(samples, weights)
        return Pass(samples, weights, accumulate_along_rays(weights, rgbs, samples.packed_info))


def _make(settings: HierarchicalSettings, inputs: SamplerInputs) -> HierarchicalSampler:
    coarse = make_field(inputs.field_settings, inputs.space, inputs.generator)
    return HierarchicalSampler(settings, inputs.box, coarse, spacing_in(inputs.space))


SAMPLER = SamplerKind(
    HierarchicalSettings,
    _make,
    "A coarse field is evaluated in equal bins, and the fine one there and where the coarse one found density (NeRF).",
    "Two fields to train; the fine field evaluates the coarse one's samples again.",
)
