"""Small density fields that propose where samples belong (Barron et al. 2022, section 3, with hash grids as proposals
as in NerfAcc and nerfstudio)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import torch
from torch import Tensor, nn

from core.config.march import MarchSettings
from core.config.setting import Setting
from core.config.types import Box
from core.fields.along_rays import AnyField
from core.fields.base import LearntField, in_pieces
from core.fields.ngp import NGPField, NGPSettings
from core.geometry.rays import Rays, Samples
from core.kernels.contraction import Space
from core.kernels.marching import midpoints
from core.kernels.packed import render_weights
from core.samplers.base import (
    Guide,
    LearningSampler,
    Pass,
    Sampled,
    SamplerInputs,
    SamplerKind,
    SamplerSettings,
    weights_guide,
)
from core.samplers.histogram_losses import distortion_loss, interlevel_loss
from core.samplers.intervals import equal_shares, hits_of, ray_ends, samples_between, seen_samples
from core.samplers.resampling import Spacing, by_ray, even_edges, quantiles, spacing_in

_LEAST_WEIGHT = 1e-2
"""Added to each bin's weight, so that samples also reach, and find, what a proposal missed."""

_ANNEALING_BIAS = 10.0
"""How early proposals gain influence (the paper's section 3)."""

_LEVELS, _TABLE, _WIDTH = 5, 14, 16
"""A proposal's hash grid and network: their densities cost a fraction of the field's."""


@dataclass(frozen=True)
class ProposalSettings(SamplerSettings):
    """Small density fields say, one after the other, where samples belong (Barron et al. 2022, section 3)."""

    n_proposals: Annotated[
        int, Setting("Density fields that propose: one, or two for scenes with far backgrounds.", low=1, high=2)
    ] = 1
    n_first: Annotated[int, Setting("Samples of the first proposal on each ray.", low=1, high=4096)] = 64
    n_second: Annotated[int, Setting("Samples of the second proposal, if there is one.", low=1, high=4096)] = 48
    n_final: Annotated[int, Setting("Samples of the field itself on each ray.", low=1, high=4096)] = 32
    proposal_resolution: Annotated[
        int,
        Setting(
            "Cells per side of the first proposal's finest level; the second's has twice as many.", low=16, high=2048
        ),
    ] = 128
    distortion: Annotated[
        float, Setting("Weight of the loss that draws a ray's weight together.", low=0.0, high=1.0, log=True)
    ] = 1e-3
    anneal_steps: Annotated[
        int, Setting("Steps over which proposals gain their full say; before, samples spread out.", low=0, high=10**6)
    ] = 500
    rate_factor: Annotated[
        float, Setting("The proposals' learning rate as a multiple of the field's.", low=1e-3, high=1e3, log=True)
    ] = 1.0

    @classmethod
    def usual(cls, rate_factor: float) -> Self:
        """A proposal is a hash grid before any field, and learns as fast as one."""
        return cls(rate_factor=rate_factor)


def annealed(progress: float) -> float:
    """The exponent of the proposals' weights, 0 to 1, at a share of the annealing's steps (the paper's section 3)."""
    progress = min(1.0, progress)
    return _ANNEALING_BIAS * progress / ((_ANNEALING_BIAS - 1.0) * progress + 1.0)


def proposal_fields(settings: ProposalSettings, space: Space, generator: torch.Generator | None) -> list[NGPField]:
    """Fresh density fields, each finer than the one before.

    Args:
        space: what they cover.
        generator: draws the initial weights, on the CPU.
    """
    fields = []
    for number in range(settings.n_proposals):
        sizes = NGPSettings(
            n_levels=_LEVELS,
            log2_hashmap_size=_TABLE,
            max_resolution=settings.proposal_resolution << number,
            hidden_dim=_WIDTH,
            geo_feature_dim=1,
        )
        fields.append(NGPField(sizes, space, generator))
        del fields[-1].color_layers  # its colours are never used
    return fields


class ProposalSampler(LearningSampler):
    """Divides each ray into equal bins, and then, for each proposal, into new bins in which it expects equal weight.

    The bins always cover the whole ray. Proposals learn only from the field's weights, which they are to bound.

    Args:
        box: the scene's outermost bounds.
        proposals: what has `Field.density`, one or two.
        spacing: the measure in which the first bins are equal.
    """

    exponent: Tensor

    def __init__(
        self,
        settings: ProposalSettings,
        box: Box,
        proposals: Sequence[LearntField],
        spacing: Spacing = Spacing(),
    ):
        super().__init__()
        self.rate_factor = settings.rate_factor
        self._proposals, self.proposals = tuple(proposals), nn.ModuleList(proposals)
        self.register_buffer("exponent", torch.zeros(()))
        self._n_bins = (settings.n_first, settings.n_second)[: settings.n_proposals]
        self._settings, self._box, self._spacing = settings, spacing.bounds(box), spacing
        self.at_step(0)

    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        passes, samples = self._proposed(rays, march, generator)
        return seen_samples(field, rays, samples, march, n_before=sum(self._n_bins))._replace(passes=passes)

    @torch.no_grad()
    def guides(self, field: AnyField, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """See `Sampler.guides`: the weights of each proposal."""
        passes, _ = self._proposed(rays, march, None)
        names = ("proposal",) if len(passes) == 1 else ("first proposal", "second proposal")
        return tuple(weights_guide(name, known) for name, known in zip(names, passes, strict=True))

    def _proposed(
        self, rays: Rays, march: MarchSettings, generator: torch.Generator | None
    ) -> tuple[tuple[Pass, ...], Samples]:
        """The passes over the proposals, and the samples that follow."""
        edges = even_edges(*ray_ends(rays, self._box, march), self._n_bins[0], self._spacing, generator)
        hits, passes = hits_of(edges), []
        n_next = (*self._n_bins[1:], self._settings.n_final)
        for proposal, n_bins, n in zip(self._proposals, self._n_bins, n_next, strict=True):
            samples = samples_between(self._spacing.stretched(edges), hits)
            sigmas, _ = in_pieces(proposal.density, midpoints(rays, samples)[0])
            weights, _ = render_weights(sigmas, samples.t_starts, samples.t_ends, samples.packed_info)
            passes.append(Pass(samples, weights))
            expected = (by_ray(weights.detach(), hits, n_bins) + _LEAST_WEIGHT) ** self.exponent
            edges = quantiles(edges, expected, equal_shares(edges.shape[0], n, generator, edges.device))
        return tuple(passes), samples_between(self._spacing.stretched(edges), hits)

    def at_step(self, step: int) -> None:
        """See `LearningSampler.at_step`: the weights of untrained proposals count little."""
        self.exponent.fill_(annealed((step + 1) / (self._settings.anneal_steps + 1)))

    def loss(self, sampled: Sampled, weights: Tensor, rays: Rays, target: Tensor, background: Tensor) -> Tensor:
        """The proposals' interlevel losses and the distortion loss of the field's weights, means over rays."""
        edges, weights = _edges(sampled.samples, self._settings.n_final), weights.view(-1, self._settings.n_final)
        total = self._settings.distortion * distortion_loss(self._shares(edges), weights).sum()
        for (samples, proposed, _), n_bins in zip(sampled.passes, self._n_bins, strict=True):
            missed = interlevel_loss(edges, weights, _edges(samples, n_bins), proposed.view(-1, n_bins))
            total = total + missed.sum()
        return total / max(1, rays.rays_o.shape[0])

    def _shares(self, edges: Tensor) -> Tensor:
        """Edges as shares of the part of their ray in the scene, 0 to 1, in the spacing's measure."""
        lengths = self._spacing.squashed(edges)
        whole = (lengths[:, -1:] - lengths[:, :1]).clamp_min(torch.finfo(lengths.dtype).tiny)
        return (lengths - lengths[:, :1]) / whole


def _edges(samples: Samples, n: int) -> Tensor:
    """The edges of the rays that have samples, n each: (n_hit, n + 1)."""
    return torch.cat([samples.t_starts.view(-1, n), samples.t_ends.view(-1, n)[:, -1:]], dim=1)


def _make(settings: ProposalSettings, inputs: SamplerInputs) -> ProposalSampler:
    proposals = proposal_fields(settings, inputs.space, inputs.generator)
    return ProposalSampler(settings, inputs.box, proposals, spacing_in(inputs.space))


SAMPLER = SamplerKind(
    ProposalSettings,
    _make,
    "One or two small density fields propose where the few samples with colour belong (mip-NeRF 360).",
    "Many cheap densities and few colours; unbounded scenes need no boxes.",
)
