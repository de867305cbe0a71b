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
from core.samplers.proposal import ProposalSampler, proposal_fields
from core.samplers.resampling import spacing_in
from core.samplers.rvs import RVSColorSampler, RVSHierarchicalSampler, proposal_field
from core.samplers.stratified import StratifiedSampler


class Scene(NamedTuple):
    """What samplers are made for.

    Attributes:
        box: the scene's outermost bounds.
        space: what its fields cover.
        field_settings: of the field that is sampled, one of `core.config.methods.FIELDS`.
        generator: draws initial weights, on the CPU.
    """

    box: Box
    space: Space
    field_settings: Any
    generator: torch.Generator | None = None


def _hierarchical(settings: HierarchicalSettings, scene: Scene) -> HierarchicalSampler:
    coarse = make_field(scene.field_settings, scene.space, scene.generator)
    return HierarchicalSampler(settings, scene.box, coarse, spacing_in(scene.space))


def _proposal(settings: ProposalSettings, scene: Scene) -> ProposalSampler:
    proposals = proposal_fields(settings, scene.space, scene.generator)
    return ProposalSampler(settings, scene.box, proposals, spacing_in(scene.space))


def _rvs(settings: RVSSettings, scene: Scene) -> Sampler:
    spacing = spacing_in(scene.space)
    if settings.use == "color":
        return RVSColorSampler(settings, scene.box, spacing)
    return RVSHierarchicalSampler(settings, scene.box, proposal_field(scene.space, scene.generator), spacing)


_MADE_BY: dict[type, Callable[[Any, Scene], Sampler]] = {
    StratifiedSettings: lambda settings, scene: StratifiedSampler(settings, scene.box, spacing_in(scene.space)),
    HierarchicalSettings: _hierarchical,
    ProposalSettings: _proposal,
    RVSSettings: _rvs,
}


def make_sampler(settings: Any, grid: OccupancySampler, scene: Scene) -> Sampler:
    """A fresh sampler.

    Args:
        settings: of one of `core.config.methods.SAMPLERS`; their type says which.
        grid: what marches where the settings say so.
    """
    if isinstance(settings, OccupancySettings):
        return grid
    return _MADE_BY[type(settings)](settings, scene)
