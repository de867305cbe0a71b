"""Keeps training steps within the GPU's memory, by slices of as many samples as fit."""

import math
from collections.abc import Callable
from typing import TypeVar

from core.kernels.runtime.gpu_memory import SHARE, attempt, full, measured, memory_left

T = TypeVar("T")

_SMALLEST = 2.0**-10
"""The smallest part of a batch that is tried."""

_REGROWTH = 1.02
"""What a limit is multiplied by after each step that takes less than it may: memory may have become free."""

_BETWEEN_LOOKS = 64
"""Steps between two looks at how much memory is left."""


class BatchMemory:
    """Runs steps, and measures how many samples fit in a step's share of the memory that is left.

    Attributes:
        notes: sentences for the user; that batches are smaller than was asked for is said once.
    """

    def __init__(self, device: str):
        self.notes: list[str] = []
        self._device, self._most, self._told, self._n_steps, self._budget = device, math.inf, False, 0, 0.0

    def limited(self, fraction: float, target: int) -> float:
        """A fraction of the target number of samples, at most one that fits."""
        if self._most < fraction * target and not self._told:
            self._told = True
            fewer = f"about {int(self._most):,} of the {target:,} samples of a training step"
            self.notes.append(f"The GPU's memory is short: {fewer} are learnt from at a time.")
        return min(fraction, self._most / target)

    def run(self, step: Callable[[float], T], n_samples: Callable[[T], int]) -> T:
        """The result of a step; while it doesn't fit, it is tried again with half the batch.

        Args:
            step: takes the part of the batch to learn from, 0 to 1.
            n_samples: how many samples a result's step learnt from.

        Raises:
            OutOfMemory: even a small part doesn't fit.
        """
        if self._device == "cpu":
            return step(1.0)
        if self._n_steps % _BETWEEN_LOOKS == 0:
            self._budget = SHARE * memory_left(self._device)
        self._n_steps += 1
        part = 1.0
        while True:
            with measured(self._device) as taken:
                found = attempt(lambda part=part: step(part))
            if found is not None:
                break
            part *= 0.5
            if part < _SMALLEST:
                raise full("the smallest training step doesn't fit")
        if part < 1.0 or taken.n_bytes > self._budget:
            self._most = max(1, n_samples(found[0])) * min(1.0 / part, self._budget / max(1, taken.n_bytes))
        else:
            self._most *= _REGROWTH
        return found[0]
