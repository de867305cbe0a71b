import pytest
import torch

from core.kernels.alpha_weights import render_weights_from_alphas
from tests.core.kernels import twins

COUNTS = [3, 0, 2000, 1]


def alphas():
    values = 1e-3 * torch.rand(sum(COUNTS), generator=torch.Generator().manual_seed(0))
    values[[1, 700, 2003]] = 1.0
    values[[0, 5]] = 0.0
    return values


def exact(values, info):
    """Float64 weights and transmittances, by products."""
    trans = []
    for first, n in info.tolist():
        passed = 1.0 - values[first : first + n]
        trans.append(torch.cat([torch.ones_like(passed[:1]), passed[:-1]]).cumprod(0))
    return torch.cat(trans) * values, torch.cat(trans)


def test_weights_and_gradients_are_those_of_float64_also_at_alphas_of_zero_and_one():
    info = twins.packed_info(COUNTS)
    ours, theirs = alphas().requires_grad_(), alphas().double().requires_grad_()
    grads = torch.rand(2, sum(COUNTS), generator=torch.Generator().manual_seed(1)) - 0.5
    found, expected = render_weights_from_alphas(ours, info), exact(theirs, info)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-6, atol=1e-12)
    torch.autograd.backward(found, list(grads))
    torch.autograd.backward(expected, list(grads.double()))
    scale = float(theirs.grad.abs().max())
    assert float((ours.grad - theirs.grad).abs().max()) < 1e-6 * scale
    assert float(ours.grad[1].abs()) > 0.0 and ours.grad.isfinite().all()


@pytest.mark.parametrize("used", [0, 1])
def test_each_result_alone_has_gradients(used):
    info = twins.packed_info(COUNTS)
    ours, theirs = alphas().requires_grad_(), alphas().double().requires_grad_()
    render_weights_from_alphas(ours, info)[used].sum().backward()
    exact(theirs, info)[used].sum().backward()
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-5, atol=1e-6)


def test_float64_is_refused():
    with pytest.raises(ValueError, match="expected float32, found float64"):
        render_weights_from_alphas(alphas().double(), twins.packed_info(COUNTS))
