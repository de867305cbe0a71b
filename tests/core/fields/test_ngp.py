"""The Instant-NGP field: shapes, gradients, precision, seeds."""

import math
from dataclasses import replace

import pytest
import torch

from core.fields.base import Conditions
from core.fields.ngp import NGPField, NGPSettings, finest_resolution
from core.kernels.contraction import Space
from tests.scenes import BOX, SMALL_FIELD


def make(seed=0, **changes):
    return NGPField(replace(SMALL_FIELD, **changes), Space(BOX), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("n", [0, 1, 100, 1000])
def test_shapes_and_ranges(n, precision):
    field = make(precision=precision)
    positions = 2 * torch.rand(n, 3) - 1
    sigmas, features = field.density(positions)
    rgbs = field.color(features, torch.nn.functional.normalize(torch.randn(n, 3), dim=-1))
    assert sigmas.shape == (n,) and features.shape == (n, 16) and rgbs.shape == (n, 3)
    assert sigmas.dtype == rgbs.dtype == torch.float32
    assert (sigmas >= 0).all() and (rgbs >= 0).all() and (rgbs <= 1).all()


def test_every_parameter_gets_a_gradient():
    field = make()
    sigmas, features = field.density(2 * torch.rand(500, 3) - 1)
    rgbs = field.color(features, torch.nn.functional.normalize(torch.randn(500, 3), dim=-1))
    (sigmas.sum() + rgbs.square().sum()).backward()
    for name, parameter in field.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_bfloat16_is_close_to_float32():
    positions = 2 * torch.rand(1000, 3) - 1
    exact, rounded = make(), make(precision="bfloat16")
    with torch.no_grad():
        exact.table.uniform_(-1, 1)
        rounded.table.copy_(exact.table)
        torch.testing.assert_close(rounded.density(positions)[0], exact.density(positions)[0], rtol=0.1, atol=0.02)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_density_is_the_same_with_and_without_gradient(precision):
    field, positions = make(precision=precision), 2 * torch.rand(1000, 3) - 1
    with torch.no_grad():
        field.density(positions)
        field.table.uniform_(-1, 1)  # the field must notice this change
        marched = field.density(positions)
    tolerance = {"rtol": 0.01, "atol": 0.003} if precision == "float32" else {"rtol": 0.1, "atol": 0.02}
    for found, expected in zip(marched, field.density(positions), strict=True):
        torch.testing.assert_close(found, expected, **tolerance)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("n", [0, 1, 1000])
def test_a_density_alone_is_the_density_without_gradient(n, precision):
    field, positions = make(precision=precision), 2 * torch.rand(n, 4) - 1
    field.table.data.uniform_(-1, 1)
    alone = field.density_alone(positions)
    with torch.no_grad():
        expected, _ = field.density(positions)
    assert not alone.requires_grad
    torch.testing.assert_close(alone, expected, rtol=1e-4, atol=0.0)


def test_weights_follow_the_seed_and_a_sample_is_independent_of_its_batch():
    assert torch.equal(make(3).table, make(3).table)
    assert not torch.equal(make(3).table, make(4).table)
    field, positions = make(), 2 * torch.rand(77, 3) - 1
    torch.testing.assert_close(field.density(positions)[0][:5], field.density(positions[:5])[0])


def test_marches_read_the_rounded_copy_until_the_table_changes():
    field, positions = make(), 2 * torch.rand(200, 3) - 1
    with torch.no_grad():
        field.table.normal_()
    own = field.density_alone(positions)
    ((table, take),) = field.rounded_readers().items()
    assert table is field.table
    take(torch.zeros_like(table, dtype=torch.bfloat16))
    from_copy = field.density_alone(positions)
    assert not torch.equal(from_copy, own) and bool((from_copy == from_copy[0]).all())
    take(table.detach().bfloat16())
    assert torch.equal(field.density_alone(positions), own)
    with torch.no_grad():
        field.table.mul_(2.0)
    other = field.density_alone(positions)
    take(table.detach().bfloat16())
    assert torch.equal(field.density_alone(positions), other) and not torch.equal(other, own)


def test_the_finest_level_has_one_cell_per_pixel_within_limits():
    found = [finest_resolution(pixels, 512) for pixels in (0.0, 50.0, 91.2, 176.9, 400.0, 600.0, math.inf)]
    assert found == [64, 64, 91, 177, 400, 512, 512]


@pytest.mark.parametrize(("nested", "most"), [(False, 512), (True, 1024)])
def test_on_a_cpu_only_the_finest_level_follows_the_image_resolution(nested, most):
    usual = NGPSettings.usual(Conditions("cpu", nested=nested))
    small, large = (NGPSettings.usual(Conditions("cpu", nested=nested, pixels=pixels)) for pixels in (100.0, 1e6))
    assert (small.max_resolution, large.max_resolution) == (100, most)
    assert large == usual and replace(small, max_resolution=most) == usual


def test_cuda_keeps_instant_ngps_finest_level():
    assert NGPSettings.usual(Conditions("cuda", pixels=100.0)) == NGPSettings.usual(Conditions("cuda"))
