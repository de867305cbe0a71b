"""The running mean of a field's weights."""

import pytest
import torch
from torch import nn

from core.training.averaging import Averaged


class Wandering(nn.Module):
    """A large weight, a small one and a buffer, all set to the same number."""

    def __init__(self, width=1 << 18):
        super().__init__()
        self.large, self.small = nn.Parameter(torch.zeros(2, width)), nn.Parameter(torch.zeros(3))
        self.register_buffer("seen", torch.zeros(2))

    def move_to(self, value):
        with torch.no_grad():
            for tensor in (self.large, self.small, self.seen):
                tensor.fill_(value)


def followed(values):
    learning = Wandering()
    averaged = Averaged(learning)
    for step, value in enumerate(values, 1):
        learning.move_to(value)
        averaged.follow(step)
    return averaged.field


def test_all_weights_are_averaged_alike_and_need_no_gradients():
    field = followed([float(step) for step in range(1, 201)])
    assert not field.large.requires_grad and not field.small.requires_grad
    assert torch.equal(field.large, field.small[0].expand_as(field.large))
    assert float(field.seen[0]) == 200.0, "buffers are copied, not averaged"


@pytest.mark.parametrize("n", [1, 3, 32])
def test_early_weights_are_shown_without_averaging(n):
    assert float(followed([float(step) for step in range(1, n + 1)]).small[0]) == n


@pytest.mark.parametrize(("n", "behind"), [(104, (2.0, 12.0)), (2000, (55.0, 70.0))])
def test_the_mean_spans_a_share_of_all_steps_up_to_a_limit(n, behind):
    """If weights grow by 1 a step, their mean lags by the number of steps it reaches back."""
    low, high = behind
    assert low < n - float(followed([float(step) for step in range(1, n + 1)]).small[0]) < high


def test_averaging_damps_noisy_weights():
    generator = torch.Generator().manual_seed(0)
    values = (1.0 + torch.randn(2000, generator=generator)).tolist()
    assert abs(float(followed(values).small[0]) - 1.0) < 0.4 < max(abs(x - 1.0) for x in values[-100:])


def test_an_update_of_the_mean_raises_the_tensors_version():
    learning = Wandering()
    averaged = Averaged(learning)
    for step in (4, 400):
        version = averaged.field.large._version
        averaged.follow(step)
        assert averaged.field.large._version > version
