"""The mean of a field's last weights, which is what is shown.

Weights that learn by large steps swing around the place that they are on their way to, most of all after small batches;
their mean lies nearer to it (Polyak and Juditsky 1992). Instant-NGP renders such a mean too.
"""

import copy
from functools import partial

import torch
from torch import nn

from core.kernels.runtime.launch import run_together
from core.training.optimizer import split_for_threads

_EVERY = 4
"""Steps from one look at the weights to the next: a look costs a tenth of a step."""

_LONGEST, _SHARE = 64, 1.0 / 12.0
"""Steps that the mean reaches back: a share of all there were, for young weights are soon out of date, and at most so
many. While that is less than from one look to the next, it is the weights themselves, after each step."""


class Averaged:
    """A field's twin whose weights follow its own.

    Args:
        learning: the field that learns. All that changes of it is in its parameters, which are floating-point numbers,
            and in its buffers.

    Attributes:
        field: the twin; it wants no gradients.
    """

    def __init__(self, learning: nn.Module):
        self._learning, self.field = learning, copy.deepcopy(learning).requires_grad_(False)

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after a step, if it is one that is looked at."""
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
