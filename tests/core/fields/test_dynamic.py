"""Properties of all fields with time."""

import pytest
import torch

from core.config.march import MarchSettings
from core.fields import FIELDS, make_field
from core.fields.ngp_t import NGPTimeSettings
from core.fields.t_nerf import TNeRFSettings
from core.kernels.contraction import Space
from core.rendering.render import render_image
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.scenes import BOX, camera

SMALL = {
    "ngp-t": NGPTimeSettings(
        n_levels=4, log2_hashmap_size=12, max_resolution=64, time_levels=3, time_max_resolution=32, time_steps=8
    ),
    "tnerf": TNeRFSettings(
        depth=2, width=32, skip=0, position_frequencies=3, warp_depth=2, warp_width=32, warp_frequencies=1
    ),
}
RATES = {"ngp-t": 1e-2, "tnerf": 2e-3}


def fresh(name, contraction="none"):
    return make_field(SMALL[name], Space(BOX, contraction), torch.Generator().manual_seed(0))


def at(places, time):
    return torch.cat([places, torch.full_like(places[:, :1], time)], dim=1)


def places(n=500):
    return 2.0 * torch.rand(n, 3, generator=torch.Generator().manual_seed(1)) - 1.0


def fit_field(name, density_at, steps=200):
    """A field with densities fitted to a function of positions (n, 3) and times (n,)."""
    field, generator = fresh(name), torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(field.parameters(), lr=RATES[name])
    for _ in range(steps):
        x = torch.cat([2.0 * torch.rand(1024, 3, generator=generator) - 1.0,
                       torch.rand(1024, 1, generator=generator)], dim=1)  # fmt: skip
        sigmas, _ = field.density(x)
        error = torch.mean((torch.log1p(sigmas) - torch.log1p(density_at(x[:, :3], x[:, 3]))) ** 2)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return field


def test_fields_with_time_are_marked_dynamic():
    for kind in FIELDS.values():
        assert getattr(make_field(kind.settings(), Space(BOX)), "dynamic", False) == kind.dynamic
    assert SMALL.keys() == {name for name, kind in FIELDS.items() if kind.dynamic}


@pytest.mark.parametrize("name", SMALL)
def test_a_fresh_field_gives_the_same_image_at_all_times(name):
    field, sampler, march = fresh(name), OccupancySampler(OccupancyGrid(BOX, 8)), MarchSettings(render_step_size=0.1)
    sampler.grid.start(march.occ_thre, 0.9)
    pictures = [
        render_image(field, sampler, camera(size=8, time=time), march, torch.ones(3)).colors
        for time in (None, 0.0, 0.3, 1.0)
    ]
    assert float(pictures[0].std()) > 0.0
    for picture in pictures[1:]:
        assert torch.equal(picture, pictures[0])


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("contraction", ["none", "max", "sphere"])
def test_densities_of_a_fresh_field_do_not_change_with_time(name, contraction):
    field = fresh(name, contraction)
    x = 3.0 * places()
    still = field.density(x)[0]
    assert bool((still > 0.0).any())
    for time in (0.0, 0.5, 1.0):
        torch.testing.assert_close(field.density(at(x, time))[0], still, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("name", SMALL)
def test_a_static_scene_is_the_same_at_all_times(name):
    def still(x, times):
        return 20.0 * (x.norm(dim=-1) < 0.6)

    field = fit_field(name, still)
    with torch.no_grad():
        seen = torch.stack([torch.log1p(field.density(at(places(), time))[0]) for time in (0.0, 0.2, 0.5, 0.8, 1.0)])
    assert float(seen.std(0).mean()) < 0.1 * float(seen.mean(0).std())


@pytest.mark.parametrize("name", SMALL)
def test_a_moving_object_is_where_it_is_at_each_time(name):
    def moving(x, times):
        return 20.0 * ((x - torch.stack([times - 0.5, 0 * times, 0 * times], dim=1)).norm(dim=-1) < 0.4)

    field = fit_field(name, moving)
    with torch.no_grad():
        left, right = torch.tensor([[-0.5, 0.0, 0.0]]), torch.tensor([[0.5, 0.0, 0.0]])
        found = [[float(field.density(at(x, time))[0]) for time in (0.05, 0.95)] for x in (left, right)]
    assert found[0][0] > 4.0 * found[0][1] and found[1][1] > 4.0 * found[1][0]


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_every_parameter(name):
    field = fresh(name)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    sigmas, features = field.density(at(places(), 0.4))
    (sigmas.sum() + field.color(features, torch.nn.functional.normalize(places(), dim=1)).sum()).backward()
    for label, parameter in field.named_parameters():
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0.0, label
