"""What a training step reports."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainStats:
    """The figures of a step, or of a slice of one.

    Attributes:
        step: steps done, this one included.
        stepped: whether the weights changed: the slice completed its batch.
        loss: mean squared error over the pixels of the batch so far.
        n_rays: rays of the slice.
        n_marched: samples whose density decided which of them were kept.
        n_samples: samples that were kept and learnt from.
        seconds: the slice's time, the step and the grid's upkeep included.
    """

    step: int
    stepped: bool
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
