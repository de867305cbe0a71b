"""A march that evaluates densities itself, against rounds with calls of the field between them."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.fields.base import Field
from core.fields.ngp import NGPField
from core.geometry.rays import Rays
from core.kernels import fused_march
from core.kernels.contraction import Space
from core.kernels.grid import FAR_AWAY
from core.kernels.marching import March
from core.kernels.network import has_tiles
from core.kernels.runtime.launch import using_threads
from core.kernels.visibility import Visibility
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField, OccupancyGrid
from tests.scenes import BOX, SMALL_FIELD

PRECISIONS = [
    "float32",
    pytest.param("bfloat16", marks=pytest.mark.skipif(not has_tiles(), reason="needs a CPU with matrix tiles (AMX)")),
]


class Unfused(Field):
    """A field without the fused march: it is called between rounds."""

    def __init__(self, field):
        self._field = field

    def density(self, positions):
        return self._field.density(positions)

    def color(self, features, directions):
        return self._field.color(features, directions)

    def density_alone(self, positions):
        return self._field.density_alone(positions)


def lively_field(precision="float32"):
    """A field with densities from almost empty to solid, all over the box."""
    generator = torch.Generator().manual_seed(2)
    field = NGPField(replace(SMALL_FIELD, precision=precision), Space(BOX), generator)
    with torch.no_grad():
        field.table.copy_(torch.randn(field.table.shape, generator=generator))
        field.density_layers[1].mul_(3.0)
    return field


def sampler_with(share, n_levels=1, device="cpu"):
    """A sampler whose grid has a random share of its cells occupied."""
    sampler = OccupancySampler(OccupancyGrid(BOX, 16, n_levels))
    occupied = torch.rand(sampler.grid.occs.shape, generator=torch.Generator().manual_seed(1)) < share
    sampler.grid.occs.copy_(occupied.float())
    sampler.grid.to(device)
    return sampler


def rays_through(n, distance=3.0):
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    targets = 1.6 * torch.rand(n, 3, generator=generator) - 0.8
    return Rays(targets - distance * directions, directions)


def same(found, expected):
    """Kept samples are the same, and their values equal up to rounding."""
    assert torch.equal(found.samples.ray_indices, expected.samples.ray_indices)
    assert torch.equal(found.samples.packed_info, expected.samples.packed_info)
    for name in ("t_starts", "t_ends"):
        torch.testing.assert_close(getattr(found.samples, name), getattr(expected.samples, name))
    assert found.features.shape == expected.features.shape
    for a, b in ((found.sigmas, expected.sigmas), (found.features, expected.features), (found.trans, expected.trans)):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3)
    for name in ("n_dense", "stopped"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    to_the_end = ~expected.stopped  # where a ray stops, what it evaluates depends on its rounds
    assert torch.equal(found.n_marched[to_the_end], expected.n_marched[to_the_end])
    assert torch.all(found.n_marched <= expected.n_marched)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("n_rays", [0, 1, 40, 1500])
@pytest.mark.parametrize(
    ("n_levels", "march"),
    [
        (1, {}),
        (1, {"alpha_thre": 0.05, "early_stop_eps": 0.1, "near_plane": 2.5, "far_plane": 3.3}),
        (1, {"alpha_thre": 0.02, "crop": (-0.5, -1.0, -0.2, 0.5, 1.0, 0.9)}),
        (3, {"cone_angle": 1 / 64, "early_stop_eps": 0.02}),
    ],
)
def test_it_equals_rounds_with_calls_of_the_field_between_them(n_levels, march, n_rays, precision):
    field, sampler, rays = lively_field(precision), sampler_with(0.3, n_levels), rays_through(n_rays)
    settings = MarchSettings(render_step_size=0.02, **march)
    found, expected = (
        sampler.sample(x, rays, settings, torch.Generator().manual_seed(3), 8) for x in (field, Unfused(field))
    )
    same(found, expected)
    assert n_rays < 40 or found.samples.n_samples > n_rays


def test_it_updates_the_grid_with_the_densities_it_met():
    field, rays, march = lively_field(), rays_through(700), MarchSettings(render_step_size=0.02, early_stop_eps=0.05)
    seen = []
    for marched in (field, Unfused(field)):
        sampler = sampler_with(0.3, 2)
        sampled = sampler.sample(ObservedField(marched, sampler.grid, 0.02), rays, march, None, 200)
        assert sampled.features.shape == (sampled.samples.n_samples, 0)
        seen.append(sampler.grid.seen)
    torch.testing.assert_close(*seen, rtol=1e-3, atol=1e-5)
    assert 0.01 < float((seen[0] >= 0.0).float().mean()) < 0.5


@pytest.mark.parametrize("round_size", [1, 3, 64, 100_000])
def test_the_size_of_rounds_changes_nothing_that_is_kept(round_size):
    field, sampler, rays = lively_field(), sampler_with(0.3), rays_through(300)
    march = MarchSettings(render_step_size=0.02, alpha_thre=0.01, early_stop_eps=0.1)
    found, expected = (sampler.sample(field, rays, march, None, size) for size in (round_size, 8))
    same(found._replace(n_marched=expected.n_marched), expected)
    everything = sampler.sample(field, rays, MarchSettings(render_step_size=0.02), None, round_size)
    assert int(everything.n_marched.sum()) >= int(found.n_marched.sum()) > 0


@pytest.mark.parametrize("round_size", [1, 2, 5])
def test_a_ray_passes_its_stop_by_less_than_a_round(round_size):
    field, sampler, rays = lively_field(), sampler_with(0.3), rays_through(300)
    march = MarchSettings(render_step_size=0.02, early_stop_eps=0.5)
    found, exact = (sampler.sample(field, rays, march, None, size) for size in (round_size, 1))
    needed = exact.n_marched.float()
    assert int(exact.stopped.sum()) > 50 and float(needed[exact.stopped].max()) > 10
    assert torch.all(found.n_marched >= exact.n_marched)
    assert torch.all(found.n_marched < exact.n_marched + round_size)


def test_samples_that_exceed_the_room_are_marched_by_further_launches(monkeypatch):
    field, sampler, rays = lively_field(), sampler_with(0.9), rays_through(600)
    march, launches = MarchSettings(render_step_size=0.005), []
    launch = fused_march.launch
    monkeypatch.setattr(fused_march, "launch", lambda *a, **k: (launches.append(1), launch(*a, **k)))
    found = sampler.sample(field, rays, march, None, 8)
    assert len(launches) > 2 and found.samples.n_samples > len(launches) * fused_march.BATCH
    same(found, sampler.sample(Unfused(field), rays, march, None, 8))


def test_the_number_of_threads_changes_nothing():
    field, sampler, rays = lively_field(), sampler_with(0.3), rays_through(2000)
    march, results = MarchSettings(render_step_size=0.02, early_stop_eps=0.05), []
    for n in (1, 2, 3):
        with using_threads(n):
            results.append(sampler.sample(field, rays, march, None, 8))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0].samples, other.samples, strict=True))
        assert torch.equal(results[0].features, other.features)


def test_nan_is_kept():
    field, sampler, rays = lively_field(), sampler_with(1.0), rays_through(50)
    with torch.no_grad():
        field.table.fill_(torch.nan)
    sampled = sampler.sample(field, rays, MarchSettings(alpha_thre=0.5, early_stop_eps=0.5), None, 8)
    assert sampled.sigmas.isnan().all()
    assert torch.equal(sampled.n_marched, sampled.samples.packed_info[:, 1]) and int(sampled.n_marched.min()) > 0


def test_it_reports_the_number_of_densities_and_their_share_of_its_time():
    field, sampler, rays, launches = lively_field(), sampler_with(0.3), rays_through(3000), []
    march = March(sampler.grid.grid_state(0.5), rays, MarchSettings(render_step_size=0.02))
    visibility = Visibility(3000, MarchSettings(early_stop_eps=0.1), rays.rays_o.device)
    density = field.march_density(True)._replace(on_launch=lambda: lambda *what: launches.append(what))
    active = (march.t_nexts < FAR_AWAY).nonzero().view(-1).int()
    found, left, n_kept = fused_march.march_on(march, visibility, active, 8, density)
    ((n, share),) = launches
    assert n == int(visibility.n_marched.sum()) > int((found.ranks >= 0).sum()) == n_kept > 0
    assert left.shape[0] < active.shape[0] and 0.0 < share < 1.0


def test_the_updated_grid_must_have_the_cells_of_the_marched_one():
    field, rays, march = lively_field(), rays_through(10), MarchSettings(render_step_size=0.02)
    other = ObservedField(field, OccupancyGrid(BOX, 8), 0.02)
    with pytest.raises(ValueError, match=r"expected .* 16, 16, 16.* found .* 8, 8, 8"):
        sampler_with(0.3).sample(other, rays, march, None, 8)


def test_an_empty_grid_has_no_samples():
    sampled = sampler_with(0.0).sample(lively_field(), rays_through(20), MarchSettings(occ_thre=0.5), None, 8)
    assert sampled.samples.n_samples == 0 and int(sampled.n_marched.sum()) == 0
