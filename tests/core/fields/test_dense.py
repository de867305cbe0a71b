"""The voxel grid: trilinear interpolation, in plain and in contracted space."""

import math

import pytest
import torch

from core.fields.dense import DenseField, DenseSettings
from core.fields.domain import in_unit_cube
from core.kernels.contraction import Space
from tests.scenes import BOX


def make(contraction="none", **changes):
    settings = DenseSettings(**{"resolution": 6, "voxel_features": 8, "hidden_dim": 16, **changes})
    return DenseField(settings, Space(BOX, contraction), torch.Generator().manual_seed(0))


def places(n=300, reach=1.0):
    return reach * (2.0 * torch.rand(n, 3, generator=torch.Generator().manual_seed(1)) - 1.0)


@pytest.mark.parametrize("contraction", ["none", "max", "sphere"])
def test_features_are_interpolated_from_the_voxels_corners(contraction):
    field, x = make(contraction), places(reach=1.0 if contraction == "none" else 5.0)
    with torch.no_grad():
        field.table.uniform_(-1.0, 1.0, generator=torch.Generator().manual_seed(2))
    # torch's twin has its axes in the order features, z, y, x
    grids = field.table.detach().view(2, 7, 7, 7, 4).permute(0, 4, 1, 2, 3).reshape(1, 8, 7, 7, 7)
    at = 2.0 * in_unit_cube(x, field.space) - 1.0
    expected = torch.nn.functional.grid_sample(grids, at.view(1, 1, 1, -1, 3), align_corners=True).view(8, -1).T
    sigmas, features = field.density(x)
    torch.testing.assert_close(features, expected, rtol=0.0, atol=1e-5)
    order = features[:, 0].argsort()
    assert bool((sigmas[order].diff() >= 0.0).all()), "density grows with the first feature"


def test_a_fresh_field_is_thin_fog_with_colours_between_0_and_1():
    for field, x, thick in ((make(), places(), 4.0), (make("max"), places(reach=100.0), 1.0)):
        sigmas, features = field.density(x)
        thickness = sigmas * math.dist(BOX[:3], BOX[3:])
        assert bool(((thickness > 0.4 * thick) & (thickness < 2.5 * thick)).all())
        rgbs = field.color(features, torch.nn.functional.normalize(x, dim=1))
        assert rgbs.shape == (300, 3) and bool(((rgbs > 0.0) & (rgbs < 1.0)).all())


def test_everything_that_is_sampled_gets_gradients():
    field, x = make(), places(3000)
    sigmas, features = field.density(x)
    (sigmas.sum() + field.color(features, torch.nn.functional.normalize(x, dim=1)).square().sum()).backward()
    for name, parameter in field.named_parameters():
        assert parameter.grad is not None and float((parameter.grad != 0.0).float().mean()) > 0.6, name


@pytest.mark.parametrize(("name", "value"), [("voxel_features", 6), ("voxel_features", 0), ("resolution", 1)])
def test_impossible_sizes_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        DenseSettings(**{name: value})
