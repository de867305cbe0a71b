"""Samplers, and which of them belongs to which settings."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from core.config.sampler_settings import (
    HierarchicalSettings,
    OccupancySettings,
    ProposalSettings,
    RVSSettings,
    StratifiedSettings,
)
from core.config.types import Box
from core.fields import make_field
from core.kernels.contraction import Space
from core.samplers.base import Sampler
from core.samplers.hierarchical import HierarchicalSampler
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from core.samplers.proposal import ProposalSampler, proposal_fields
from core.samplers.resampling import spacing_in
from core.samplers.rvs import RVSColorSampler, RVSHierarchicalSampler, proposal_field
from core.samplers.stratified import StratifiedSampler


class SamplerInputs(NamedTuple):
    """What samplers are made for.

    Attributes:
        grid: the occupancy grid; it is kept up whatever the sampler.
        box: the scene's outermost bounds.
        space: what its fields cover.
        field_settings: of the field that is sampled, one of `core.config.methods.FIELDS`.
        generator: draws initial weights, on the CPU.
    """

    grid: OccupancyGrid
    box: Box
    space: Space
    field_settings: Any
    generator: torch.Generator | None = None


def _hierarchical(settings: HierarchicalSettings, inputs: SamplerInputs) -> HierarchicalSampler:
    coarse = make_field(inputs.field_settings, inputs.space, inputs.generator)
    return HierarchicalSampler(settings, inputs.box, coarse, spacing_in(inputs.space))


def _proposal(settings: ProposalSettings, inputs: SamplerInputs) -> ProposalSampler:
    proposals = proposal_fields(settings, inputs.space, inputs.generator)
    return ProposalSampler(settings, inputs.box, proposals, spacing_in(inputs.space))


def _rvs(settings: RVSSettings, inputs: SamplerInputs) -> Sampler:
    spacing = spacing_in(inputs.space)
    if settings.use == "color":
        return RVSColorSampler(settings, inputs.box, spacing)
    return RVSHierarchicalSampler(settings, inputs.box, proposal_field(inputs.space, inputs.generator), spacing)


_MADE_BY: dict[type, Callable[[Any, SamplerInputs], Sampler]] = {
    OccupancySettings: lambda settings, inputs: OccupancySampler(inputs.grid),
    StratifiedSettings: lambda settings, inputs: StratifiedSampler(settings, inputs.box, spacing_in(inputs.space)),
    HierarchicalSettings: _hierarchical,
    ProposalSettings: _proposal,
    RVSSettings: _rvs,
}


def make_sampler(settings: Any, inputs: SamplerInputs) -> Sampler:
    """A fresh sampler.

    Args:
        settings: of one of `core.config.methods.SAMPLERS`; their type says which.
    """
    return _MADE_BY[type(settings)](settings, inputs)
