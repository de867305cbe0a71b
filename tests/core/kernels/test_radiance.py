"""Densities and colours in one kernel, against torch's own layers and activations and its autograd."""

import pytest
import torch

from core.fields.activations import truncated_exp
from core.kernels.network import has_tiles
from core.kernels.radiance import Layers, radiance_gradients, radiance_outputs
from core.kernels.runtime.launch import using_threads
from core.kernels.spherical_harmonics import beside_harmonics

IN_TILES = pytest.param(True, marks=pytest.mark.skipif(not has_tiles(), reason="needs a CPU with matrix tiles (AMX)"))
USUAL, ODD, DEEP = ([16, 64, 16], [64, 64, 3]), ([10, 24, 5], [40, 3]), ([32, 16], [48, 24, 20, 3])
STEEPNESS, SCALE = 3.0, 2.0


def layers_of(kinds, in_tiles, seed=0):
    (n_in, *first), second = kinds
    generator, weights = torch.Generator().manual_seed(seed), []
    for n_out in (*first, *second):
        weights.append(torch.randn(n_out, n_in, generator=generator) / n_in**0.5)
        n_in = n_out + 16 * (len(weights) == len(first))
    return Layers(weights, len(first), STEEPNESS, SCALE, in_tiles)


def samples(n, n_in, seed=1):
    """Encoded positions, directions, and gradients for densities and colours."""
    generator = torch.Generator().manual_seed(seed)
    columns = [torch.randn(n, width, generator=generator) for width in (n_in, 3, 1, 3)]
    return columns[0], torch.nn.functional.normalize(columns[1], dim=1), columns[2][:, 0], columns[3]


def ours(encoded, directions, sigma_grads, rgb_grads, layers):
    """Densities, colours, and the gradients of the encoded positions and of each layer."""
    sigmas, rgbs = radiance_outputs(encoded, directions, layers)
    grads = radiance_gradients(encoded, directions, rgbs, sigma_grads, rgb_grads, layers, wants_inputs=True)
    return [sigmas, rgbs, grads[0], *grads[1]]


def twin(encoded, directions, sigma_grads, rgb_grads, layers):
    """The same by torch, with values rounded as the tiles round them."""

    def half(y):
        return y + (y.bfloat16().float() - y).detach() if layers.in_tiles else y

    leaves = [x.clone().requires_grad_() for x in (encoded, *layers.weights)]
    y = leaves[0]
    for k, weight in enumerate(leaves[1:], 1):
        y = half(y) @ half(weight).T
        if k == layers.junction:
            sigmas = layers.scale * truncated_exp(layers.steepness * y[:, 0])
            y = beside_harmonics(y, directions)
        elif k < len(layers.weights):
            y = torch.relu(y)
    rgbs = torch.sigmoid(y)
    grads = torch.autograd.grad([sigmas, rgbs], leaves, [sigma_grads, rgb_grads])
    return [sigmas.detach(), rgbs.detach(), *grads]


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
@pytest.mark.parametrize("kinds", [USUAL, ODD, DEEP])
@pytest.mark.parametrize("n", [0, 1, 33, 3000])
def test_values_and_gradients_equal_the_twin(n, kinds, in_tiles):
    layers, columns = layers_of(kinds, in_tiles), samples(n, kinds[0][0])
    for found, expected in zip(ours(*columns, layers), twin(*columns, layers), strict=True):
        assert found.shape == expected.shape and found.dtype == torch.float32
        error, size = (found - expected).square().mean().sqrt(), expected.square().mean().sqrt()
        assert torch.equal(found, expected) if n == 0 else error <= (0.015 if in_tiles else 1e-5) * size


def test_layers_get_gradients_if_encoded_positions_need_none():
    layers, (encoded, directions, *grads) = layers_of(USUAL, False), samples(100, 16)
    _, rgbs = radiance_outputs(encoded, directions, layers)
    nothing, found = radiance_gradients(encoded, directions, rgbs, *grads, layers, wants_inputs=False)
    assert nothing is None
    expected = ours(encoded, directions, *grads, layers)[3:]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
@pytest.mark.parametrize("column", [0, 1])
def test_nan_spoils_only_its_own_sample(column, in_tiles):
    layers, columns = layers_of(USUAL, in_tiles), samples(70, 16)
    columns[column][41, 2] = torch.nan
    sigmas, rgbs, input_grads, *weight_grads = ours(*columns, layers)
    for spoilt in (rgbs.isnan().all(1), input_grads.isnan().all(1)):
        assert spoilt[41] and int(spoilt.sum()) == 1
    assert torch.equal(sigmas.isnan().nonzero().flatten(), torch.tensor([41][column:]))
    assert all(bool(grads.isnan().any()) for grads in weight_grads)


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_densities_range_from_zero_to_infinity_with_finite_gradients(in_tiles):
    logarithms = (
        torch.tensor([-1e9, -200.0, -90.0, -20.0, -1.0, 0.0, 1.0, 20.0, 88.0, 89.0, 1e9, torch.nan]) / STEEPNESS
    )
    layers = layers_of(([16, 16], [3]), in_tiles)
    layers.weights[0][:] = torch.eye(16)
    layers.weights[1].zero_()
    encoded = torch.zeros(len(logarithms), 16)
    encoded[:, 0] = logarithms / STEEPNESS
    _, directions, *grads = samples(len(logarithms), 16)
    sigmas, _, input_grads, *_ = ours(encoded, directions, *grads, layers)
    rounded = encoded[:, 0].bfloat16().float() if in_tiles else encoded[:, 0]
    torch.testing.assert_close(sigmas, SCALE * torch.exp(STEEPNESS * rounded), equal_nan=True, rtol=2e-5, atol=1e-37)
    slopes = SCALE * STEEPNESS * torch.exp((STEEPNESS * rounded).clamp(-15.0, 15.0))
    expected = grads[0] * slopes
    tolerance = 0.01 if in_tiles else 1e-5
    torch.testing.assert_close(input_grads[:, 0], expected, equal_nan=True, rtol=tolerance, atol=0.0)


def test_saturated_colours_are_zero_or_one_without_gradient():
    layers = layers_of(([16, 16], [3]), False)
    layers.weights[0][:] = torch.eye(16)
    layers.weights[1][:, 1] = 1.0
    encoded = torch.zeros(3, 16)
    encoded[:, 1] = torch.tensor([-1e9, 0.0, 1e9])
    layers.weights[1][:, 16:] = 0.0
    layers.weights[1][:, 0] = 0.0
    _, directions, sigma_grads, rgb_grads = samples(3, 16)
    _, rgbs, input_grads, *_ = ours(encoded, directions, 0.0 * sigma_grads, rgb_grads, layers)
    torch.testing.assert_close(rgbs, torch.tensor([[0.0], [0.5], [1.0]]).expand(3, 3), rtol=1e-6, atol=0.0)
    assert float(input_grads[[0, 2]].abs().max()) == 0.0 < float(input_grads[1].abs().max())


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_the_number_of_threads_changes_no_sample(in_tiles):
    layers, columns, results = layers_of(USUAL, in_tiles), samples(5000, 16), []
    for n in (1, 3):
        with using_threads(n):
            results.append(ours(*columns, layers))
    (*values, a, b, c, d, e), (*same, f, g, h, i, j) = results
    assert all(torch.equal(x, y) for x, y in zip(values, same, strict=True))
    torch.testing.assert_close([a, b, c, d, e], [f, g, h, i, j], rtol=1e-4, atol=1e-3)


def test_non_contiguous_inputs_are_accepted():
    layers, (encoded, directions, sigma_grads, rgb_grads) = layers_of(USUAL, False), samples(50, 16)
    apart = torch.cat([encoded, encoded], 1)[:, :16], directions.T.contiguous().T
    grads_apart = torch.stack([sigma_grads, sigma_grads], 1)[:, 0], rgb_grads[:, :1].expand(50, 3)
    expected = ours(encoded, directions, sigma_grads, grads_apart[1].contiguous(), layers)
    assert not any(x.is_contiguous() for x in (*apart, *grads_apart))
    assert all(torch.equal(a, b) for a, b in zip(ours(*apart, *grads_apart, layers), expected, strict=True))
