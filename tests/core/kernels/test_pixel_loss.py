"""Pixels, their loss and its gradients in one kernel, against networks, compositing and autograd in turn."""

import pytest
import torch

from core.fields.shading import radiance
from core.geometry.rays import Samples
from core.kernels.network import has_tiles
from core.kernels.packed import color_loss, composite
from core.kernels.pixel_loss import pixel_loss
from core.kernels.runtime.launch import using_threads
from tests.core.kernels.test_radiance import ODD, USUAL, layers_of

IN_TILES = pytest.param(True, marks=pytest.mark.skipif(not has_tiles(), reason="needs a CPU with matrix tiles (AMX)"))
SHALLOW = [16, 64, 16], [64, 3]
COUNTS = {
    "no rays": [],
    "no samples": [0, 0, 0],
    "one": [1],
    "short rays": [3, 0, 7, 1, 0, 0, 12, 2] * 60,
    "rays longer than a thread keeps": [5, 700, 0, 256, 257, 1, 300],
}


def scene(counts, n_in, seed=1):
    """Encoded positions, directions, samples, backgrounds and photos' colours."""
    generator, n, n_rays = torch.Generator().manual_seed(seed), sum(counts), len(counts)
    encoded, directions, thickness = (torch.randn(n, width, generator=generator) for width in (n_in, 3, 1))
    t_starts = torch.rand(n, generator=generator)
    lengths = torch.tensor(counts, dtype=torch.int32)
    firsts = lengths.cumsum(0, dtype=torch.int32) - lengths
    rays = torch.arange(n_rays, dtype=torch.int32).repeat_interleave(lengths)
    t_ends = t_starts + 0.1 * thickness[:, 0].abs()
    samples = Samples(t_starts, t_ends, rays, torch.stack([firsts, lengths], dim=1))
    background, targets = torch.rand(2, n_rays, 3, generator=generator)
    return encoded, torch.nn.functional.normalize(directions, dim=1), samples, background, targets


def twin(encoded, directions, samples, background, targets, entropy, layers):
    """Loss, pixels, and the gradients of the encoded positions and of each layer."""
    leaves = [x.clone().requires_grad_() for x in (encoded, *layers.weights)]
    networks = leaves[1 : layers.junction + 1], leaves[layers.junction + 1 :]
    precision = "bfloat16" if layers.in_tiles else "float32"
    rgbs, sigmas = radiance(leaves[0], directions, *networks, layers.steepness, layers.scale, precision)
    pixels = composite(sigmas, rgbs, samples.t_starts, samples.t_ends, samples.packed_info, background)
    loss = color_loss(pixels.colors, targets, pixels.weights, entropy)
    return loss.detach(), pixels, torch.autograd.grad(loss, leaves)


def close(found, expected, tolerance):
    assert found.shape == expected.shape and found.dtype == torch.float32
    error, size = (found - expected).square().mean().sqrt(), expected.square().mean().sqrt()
    assert found.numel() == 0 or error <= tolerance * size


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
@pytest.mark.parametrize("kinds", [USUAL, SHALLOW, ODD])
@pytest.mark.parametrize("counts", [counts for name, counts in COUNTS.items() if name != "no rays"])
@pytest.mark.parametrize("entropy", [0.0, 0.1])
def test_loss_pixels_and_gradients_equal_the_twin(entropy, counts, kinds, in_tiles):
    layers, given = layers_of(kinds, in_tiles), scene(counts, kinds[0][0])
    found, (loss, pixels, grads) = pixel_loss(*given, entropy, layers), twin(*given, entropy, layers)
    torch.testing.assert_close(found.loss, loss, rtol=1e-5, atol=0.0)
    for ours, theirs in zip(found.pixels, pixels, strict=True):
        torch.testing.assert_close(ours, theirs.detach())
    for ours, theirs in zip((found.input_grads, *found.weight_grads), grads, strict=True):
        close(ours, theirs, 0.02 if in_tiles else 2e-5)


def test_without_rays_there_is_no_loss():
    found = pixel_loss(*scene(COUNTS["no rays"], 16), 0.1, layers_of(SHALLOW, False))
    assert float(found.loss) == 0.0 and all(bool((grads == 0.0).all()) for grads in found.weight_grads)


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_one_background_serves_all_rays(in_tiles):
    encoded, directions, samples, _, targets = scene(COUNTS["short rays"], 16)
    layers, background = layers_of(SHALLOW, in_tiles), torch.tensor([0.2, 0.5, 0.9])
    one = pixel_loss(encoded, directions, samples, background, targets, 0.1, layers)
    each = pixel_loss(encoded, directions, samples, background.expand(len(targets), 3), targets, 0.1, layers)
    assert torch.equal(one.loss, each.loss) and torch.equal(one.input_grads, each.input_grads)


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_nan_spoils_only_its_own_ray(in_tiles):
    given = scene(COUNTS["short rays"], 16)
    given[0][41, 3] = torch.nan
    found = pixel_loss(*given, 0.1, layers_of(SHALLOW, in_tiles))
    ray = int(given[2].ray_indices[41])
    assert found.pixels.colors.isnan().any(1).nonzero().flatten().tolist() == [ray]
    spoilt = given[2].ray_indices[found.input_grads.isnan().any(1)]
    assert spoilt.unique().tolist() == [ray] and bool(found.loss.isnan())


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_the_number_of_threads_changes_no_sample(in_tiles):
    layers, given, results = layers_of(SHALLOW, in_tiles), scene(COUNTS["short rays"] * 4, 16), []
    for n in (1, 3):
        with using_threads(n):
            results.append(pixel_loss(*given, 0.1, layers))
    one, three = results
    assert torch.equal(one.input_grads, three.input_grads) and torch.equal(one.pixels.colors, three.pixels.colors)
    torch.testing.assert_close(one.loss, three.loss)
    torch.testing.assert_close(one.weight_grads, three.weight_grads, rtol=1e-4, atol=1e-6)
