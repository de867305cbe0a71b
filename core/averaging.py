"""The mean of a field's last weights, which is what is shown.

Weights that learn by large steps swing around the place that they are on their way to, most of all after small batches;
their mean lies nearer to it (Polyak and Juditsky 1992). Instant-NGP renders such a mean too.
"""

import copy
from functools import partial

import torch
from torch import nn

from core.kernels.launch import run_together
from core.optimizer import pieces_of

_EVERY = 4
"""Steps from one look at the weights to the next: a look costs a tenth of a step."""

_LONGEST, _SHARE = 64, 1.0 / 12.0
"""Steps that the mean reaches back: a share of all there were, for young weights are soon out of date, and at most so
many."""


class Averaged:
    """A field's twin whose weights follow its own.

    Args:
        learning: the field that learns. One that can't be copied is its own twin.

    Attributes:
        field: the twin; it wants no gradients.
    """

    def __init__(self, learning: nn.Module):
        self._learning = learning
        try:
            self.field = copy.deepcopy(learning).requires_grad_(False)
        except Exception:  # of a class of the user's own: there is no telling what it raises
            self.field = learning

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after a step, if it is one that is looked at; the first ones all are."""
        young = _SHARE * step <= _EVERY
        if self.field is self._learning or (step % _EVERY and not young):
            return
        weight = _EVERY / min(_LONGEST, max(_EVERY, _SHARE * step))
        means, values = list(self.field.parameters()), list(self._learning.parameters())
        if all(x.is_cpu and x.is_contiguous() for x in (*means, *values)):
            pairs = zip(means, values, strict=True)
            pieces = [piece for a, b in pairs for piece in zip(pieces_of(a), pieces_of(b), strict=True)]
            run_together([partial(mean.lerp_, value, weight) for mean, value in pieces])
        elif means:
            torch._foreach_lerp_(means, values, weight)
        for mean, value in zip(self.field.buffers(), self._learning.buffers(), strict=True):
            mean.copy_(value)

    def catch_up(self) -> None:
        """Take the weights as they are."""
        if self.field is not self._learning:
            self.field.load_state_dict(self._learning.state_dict())
