"""The running mean of a field's weights, which is what is shown.

Weights that learn by large steps oscillate around the optimum, most of all with small batches; their mean lies closer
to it (Polyak and Juditsky 1992). Instant-NGP renders such a mean too.
"""

import copy
from functools import partial

import torch

from core.fields.base import LearntField
from core.kernels.runtime.launch import run_together
from core.training.optimizer import split_for_threads

_EVERY = 4
"""Steps between updates of the mean: an update costs a tenth of a step."""

_LONGEST, _SHARE = 64, 1.0 / 12.0
"""Steps that the mean reaches back: a share of all steps, since early weights are soon out of date, up to a limit.
While that is less than the steps between updates, the mean is the weights themselves, after each step."""


class Averaged:
    """A copy of a field whose weights are the running mean of the field's.

    Args:
        learning: the field that learns. Its whole state is in its parameters, which are floating-point numbers, and in
            its buffers.

    Attributes:
        field: the copy; it takes no gradients.
    """

    def __init__(self, learning: LearntField):
        self._learning, self.field = learning, copy.deepcopy(learning).requires_grad_(False)

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Update the mean after a step, if one is due."""
        if step % _EVERY and _SHARE * step > _EVERY:
            return
        weight = _EVERY / min(_LONGEST, max(_EVERY, _SHARE * step))
        tasks, small = [], []
        for pair in zip(self.field.parameters(), self._learning.parameters(), strict=True):
            pieces = list(zip(*map(split_for_threads, pair), strict=True))
            if len(pieces) > 1:
                tasks += [partial(mean.lerp_, value, weight) for mean, value in pieces]
            else:
                small.append(pair)
        if small:
            lerp = torch._foreach_lerp_  # pyright: ignore[reportPrivateImportUsage] - as torch.optim.swa_utils
            tasks.append(partial(lerp, *map(list, zip(*small, strict=True)), weight))
        run_together(tasks)
        for mean, value in zip(self.field.buffers(), self._learning.buffers(), strict=True):
            mean.copy_(value)
