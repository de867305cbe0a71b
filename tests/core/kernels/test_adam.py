"""Adam's step against the paper's formulas in float64."""

import pytest
import torch

from core.kernels.adam import AdamSettings, adam_step
from core.kernels.launch import using_threads

SETTINGS = AdamSettings(rate=0.03, betas=(0.9, 0.99), eps=1e-8)


def numbers(n, seed):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


def twin(settings, step, value, grad, mean, mean_square):
    beta1, beta2 = settings.betas
    value, grad, mean, mean_square = (x.double() for x in (value, grad, mean, mean_square))
    mean = beta1 * mean + (1.0 - beta1) * grad
    mean_square = beta2 * mean_square + (1.0 - beta2) * grad.square()
    denominator = (mean_square / (1.0 - beta2**step)).sqrt() + settings.eps
    return value - settings.rate * (mean / (1.0 - beta1**step)) / denominator, mean, mean_square


@pytest.mark.parametrize("n", [0, 1, 16, 47, 100_003])
@pytest.mark.parametrize("step", [1, 30])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_step_is_the_formulas(n, step, threads):
    value, grad, mean, mean_square = (numbers(n, seed) for seed in range(4))
    mean_square.square_()
    expected = twin(SETTINGS, step, value, grad, mean, mean_square)
    rounded = torch.empty(n, dtype=torch.bfloat16)
    with using_threads(threads):
        adam_step(SETTINGS, step, value, grad, mean, mean_square, rounded)
    for found, exact in zip((value, mean, mean_square), expected, strict=True):
        torch.testing.assert_close(found, exact.float(), rtol=1e-5, atol=1e-6)
    assert torch.equal(rounded, value.bfloat16())


def test_what_is_no_number_or_infinite_is_rounded_as_such():
    bits = torch.tensor([0x7FFFFFFF, 0x7F800001, -1, 0x7F800000, 0x7F7FFFFF, 0x3F808000, 0x3F818000] * 5)
    value = bits.int().view(torch.float32)
    expected, rounded = value.bfloat16(), torch.empty(35, dtype=torch.bfloat16)
    nothing = torch.zeros(35)
    adam_step(SETTINGS, 1, value, nothing, nothing.clone(), nothing.clone(), rounded)
    torch.testing.assert_close(rounded, expected, rtol=0.0, atol=0.0, equal_nan=True)
    assert expected.isnan().sum() == 15
