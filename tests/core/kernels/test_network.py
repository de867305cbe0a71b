"""Networks in one kernel against torch's own layers and its autograd."""

from itertools import pairwise

import pytest
import torch

from core.kernels.network import has_tiles, network_gradients, network_outputs
from core.kernels.runtime.launch import using_threads

ODD, EVEN, WIDE = (19, 24, 5), (32, 64, 64, 3), (16, 256, 48, 16)
IN_TILES = pytest.param(True, marks=pytest.mark.skipif(not has_tiles(), reason="needs a CPU with matrix tiles (AMX)"))


def network(sizes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n_out, n_in, generator=generator) / n_in**0.5 for n_in, n_out in pairwise(sizes)]


def rows(n, width, seed=1):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def twin(x, weights, grads, rounded):
    """Outputs and gradients of torch's layers, with values rounded as the tiles round them."""

    def half(y):
        return y + (y.bfloat16().float() - y).detach() if rounded else y

    leaves = [x.clone().requires_grad_(), *(weight.clone().requires_grad_() for weight in weights)]
    y = leaves[0]
    for weight in leaves[1:-1]:
        y = torch.relu(half(y) @ half(weight).T)
    y = half(y) @ half(leaves[-1]).T
    return [y.detach(), *torch.autograd.grad(y, leaves, grads)]


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
@pytest.mark.parametrize("sizes", [ODD, EVEN, WIDE])
@pytest.mark.parametrize("n", [0, 1, 33, 3000])
def test_values_and_gradients_equal_the_twin(n, sizes, in_tiles):
    weights, x, grads = network(sizes), rows(n, sizes[0]), rows(n, sizes[-1], seed=2)
    input_grads, weight_grads = network_gradients(x, grads, weights, in_tiles, wants_inputs=True)
    found = [network_outputs(x, weights, in_tiles), input_grads, *weight_grads]
    expected = twin(x, weights, grads, rounded=in_tiles)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == torch.float32
        error, size = (ours - theirs).square().mean().sqrt(), theirs.square().mean().sqrt()
        assert torch.equal(ours, theirs) if n == 0 else error <= (0.01 if in_tiles else 1e-5) * size


def test_weights_get_gradients_if_inputs_need_none():
    weights, x, grads = network(EVEN), rows(100, 32), rows(100, 3, seed=2)
    nothing, found = network_gradients(x, grads, weights, False, wants_inputs=False)
    assert nothing is None
    _, expected = network_gradients(x, grads, weights, False, wants_inputs=True)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_nan_spoils_only_its_own_row(in_tiles):
    x = rows(70, 32)
    x[41, 3] = torch.nan
    spoilt = network_outputs(x, network(EVEN), in_tiles).isnan().all(1)
    assert spoilt[41] and int(spoilt.sum()) == 1


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_the_number_of_threads_changes_no_row(in_tiles):
    weights, x, grads, results = network(EVEN), rows(5000, 32), rows(5000, 3, seed=2), []
    for n in (1, 3):
        with using_threads(n):
            outputs = network_outputs(x, weights, in_tiles)
            results.append((outputs, *network_gradients(x, grads, weights, in_tiles, wants_inputs=True)))
    (outputs, input_grads, weight_grads), (same, same_grads, nearly_same) = results
    assert torch.equal(outputs, same) and torch.equal(input_grads, same_grads)
    torch.testing.assert_close(weight_grads, nearly_same, rtol=1e-4, atol=1e-3)


def test_inputs_may_be_columns_of_a_wider_matrix():
    weights, wide = network(ODD), rows(50, 30)
    assert torch.equal(
        network_outputs(wide[:, :19], weights, False), network_outputs(wide[:, :19].contiguous(), weights, False)
    )
