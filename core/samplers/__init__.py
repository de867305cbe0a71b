"""Samplers, and which of them belongs to which settings."""

from collections.abc import Callable
from typing import Any

import torch

from core.methods import OccupancySettings, StratifiedSettings
from core.samplers.base import Sampler
from core.samplers.occupancy import OccupancySampler
from core.samplers.stratified import StratifiedSampler
from core.settings import Box

_MADE_BY: dict[type, Callable[[Any, Box, torch.Generator | None], Sampler]] = {
    StratifiedSettings: StratifiedSampler,
}


def make_sampler(settings: Any, grid: OccupancySampler, box: Box, generator: torch.Generator | None = None) -> Sampler:
    """A fresh sampler.

    Args:
        settings: of one of `core.methods.SAMPLERS`; their type says which.
        grid: what marches where the settings say so.
        box: the scene's outermost bounds.
        generator: draws initial weights, on the CPU.
    """
    if isinstance(settings, OccupancySettings):
        return grid
    return _MADE_BY[type(settings)](settings, box, generator)
