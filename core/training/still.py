"""A copy of what a trainer shows, for work that takes long while training goes on."""

import copy

from core.training.trainer import Trainer


def still_of(trainer: Trainer) -> Trainer:
    """A trainer that goes on showing what this one shows now: its shown field, sampler and grid are copies, the dataset
    is the same. It can be rendered, not stepped."""
    still = copy.copy(trainer)
    still.field, still.sampler, still.grid = copy.deepcopy((trainer.field, trainer.sampler, trainer.grid))
    return still
