"""What a training step reports."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainStats:
    """One step's figures.

    Attributes:
        step: steps done, this one included.
        loss: mean squared error over the step's pixels.
        n_rays: rays of the step.
        n_marched: samples whose density decided which of them were kept.
        n_samples: samples that were kept and learnt from.
        seconds: the step's time, the grid's upkeep included.
    """

    step: int
    loss: float
    n_rays: int
    n_marched: int
    n_samples: int
    seconds: float


def to_numbers(scalars: list[Tensor]) -> list[float]:
    """The values of scalar tensors; CUDA is waited for once."""
    if scalars[0].device.type == "cpu":
        return [float(x) for x in scalars]
    return torch.stack([x.double() for x in scalars]).tolist()
