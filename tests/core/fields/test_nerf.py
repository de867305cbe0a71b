import math
from dataclasses import replace

import torch

from core.fields.nerf import MLPField, MLPSettings, positional_encoding
from core.kernels.contraction import Space
from tests.scenes import BOX

SMALL = MLPSettings(depth=4, width=32, skip=3, color_width=16, position_frequencies=4, direction_frequencies=2)


def make(settings=SMALL, seed=0):
    return MLPField(settings, Space(BOX), torch.Generator().manual_seed(seed))


def test_the_encoding_is_the_papers():
    x = torch.tensor([[0.25, -1.0, 0.5]])
    encoded = positional_encoding(x, 2)[0].tolist()
    expected = [0.25, -1.0, 0.5]
    for wave in (math.sin, math.cos):
        expected += [wave(math.pi * 2.0**k * value) for k in (0, 1) for value in (0.25, -1.0, 0.5)]
    torch.testing.assert_close(encoded, expected, rtol=0.0, atol=1e-5)


def test_the_papers_network_has_the_papers_size():
    sizes = [tuple(layer.weight.shape) for layer in make(MLPSettings()).layers]
    assert sizes == [(256, 63), *[(256, 256)] * 3, (256, 256 + 63), *[(256, 256)] * 3]
    assert sum(p.numel() for p in make(MLPSettings()).parameters()) == 595_844


@torch.no_grad()
def test_a_fresh_field_is_fog_with_colours_between_0_and_1():
    field = make()
    positions = torch.rand(500, 3) * 2.0 - 1.0
    sigmas, features = field.density(positions)
    rgbs = field.color(features, torch.nn.functional.normalize(torch.randn(500, 3), dim=-1))
    assert sigmas.shape == (500,) and rgbs.shape == (500, 3)
    assert bool((sigmas >= 0.0).all()) and 0.3 < float(sigmas.mean()) * math.dist(BOX[:3], BOX[3:]) < 30.0
    assert bool(((rgbs > 0.0) & (rgbs < 1.0)).all())


def test_every_parameter_gets_a_gradient():
    field = make()
    sigmas, features = field.density(torch.rand(300, 3))
    (sigmas.sum() + field.color(features, torch.ones(300, 3)).sum()).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in field.parameters())
    assert all(float(p.grad.abs().sum()) > 0.0 for p in field.parameters() if p.ndim == 2)


@torch.no_grad()
def test_weights_come_from_the_generator_and_bfloat16_is_close():
    positions = torch.rand(200, 3)
    a, b = (make(seed=3).density(positions)[0] for _ in range(2))
    assert torch.equal(a, b)
    rounded = make(replace(SMALL, precision="bfloat16"), seed=3).density(positions)[0]
    torch.testing.assert_close(rounded, a, rtol=0.1, atol=0.1)
