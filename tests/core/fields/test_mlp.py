"""The blocked network against torch's own layers and its autograd."""

import pytest
import torch

from core.fields.mlp import mlp

SIZES = [(8, 16), (16, 32), (32, 3)]


def twin(x, weights):
    for weight in weights[:-1]:
        x = torch.relu(x @ weight.T)
    return x @ weights[-1].T


def random_network(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n_out, n_in, generator=generator).to(dtype) / n_in**0.5 for n_in, n_out in SIZES]


@pytest.mark.parametrize("n", [0, 1, 300, 2048, 5000])
@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-5), ("bfloat16", 0.08)])
def test_values_and_gradients_equal_the_twin(n, precision, tolerance):
    x = torch.randn(n, 8, generator=torch.Generator().manual_seed(1))
    grads = torch.randn(n, 3, generator=torch.Generator().manual_seed(2))
    results = []
    for run in (lambda a, w: mlp(a, w, precision), twin):
        leaves = [t.clone().requires_grad_() for t in (x, *random_network())]
        y = run(leaves[0], leaves[1:])
        results.append([y, *torch.autograd.grad(y, leaves, grads)])
    for ours, expected in zip(*results, strict=True):
        assert ours.dtype == torch.float32
        error, size = (ours - expected).square().mean().sqrt(), expected.square().mean().sqrt()
        assert n == 0 or error <= tolerance * size


def test_the_twins_gradient_is_right_by_finite_differences():
    x = torch.randn(4, 8, dtype=torch.float64, requires_grad=True)
    weights = [w.requires_grad_() for w in random_network(torch.float64)]
    assert torch.autograd.gradcheck(lambda x, *w: twin(x, w), (x, *weights))


def test_inputs_that_need_no_gradient():
    weights = [w.requires_grad_() for w in random_network()]
    mlp(torch.randn(10, 8), weights, "float32").sum().backward()
    assert all(w.grad.abs().sum() > 0 for w in weights)
