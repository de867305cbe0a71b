"""The CUDA branches of kernels, run on the CPU, give the same results as the CPU branches: see `cuda_branch`."""

import pytest
import torch

from core.config.march import MarchSettings
from core.kernels import fused_march, hash_grid
from core.kernels.marching import midpoints
from core.samplers.occupancy_grid import ObservedField
from core.self_check.cases import CASES
from core.self_check.inputs import numbers
from tests.core.kernels.cuda_branch import launch_of_cuda, launch_runs_of_cuda, run_branches_of_cuda
from tests.core.kernels.test_fused_march import Unfused, lively_field, rays_through, same, sampler_with
from tests.core.kernels.test_marching import grid, march_all, random_rays

ALIKE = [x for x in CASES if "path" not in x.name and x.operations not in (("hash_encode",), ("march_on",))]
"""Cases without those whose Python asks for the device, and takes the CPU's way here: these have tests below."""


@pytest.mark.parametrize("case", ALIKE, ids=lambda case: case.name)
def test_values_and_gradients_are_the_same(case, small_tables, monkeypatch):
    expected = case.compute("cpu")
    run_branches_of_cuda(monkeypatch)
    assert case.fault(expected, case.compute("cpu")) is None


@pytest.mark.parametrize("change", [{}, {"cone_angle": 0.02}, {"crop": (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)}])
def test_a_march_takes_the_same_samples(change, monkeypatch):
    settings, state, rays = MarchSettings(render_step_size=0.03, **change), grid(3, 0.3), random_rays(200)
    expected = march_all(state, rays, settings, 16)
    run_branches_of_cuda(monkeypatch)
    found = march_all(state, rays, settings, 16)
    assert found == expected and sum(map(len, found)) > 100


def test_midpoints_of_samples_are_the_same(monkeypatch):
    rays, march = rays_through(50), MarchSettings(render_step_size=0.03)
    samples = sampler_with(0.5).sample(lively_field(), rays, march, None, 8).samples
    expected = midpoints(rays, samples)
    run_branches_of_cuda(monkeypatch)
    for found, value in zip(midpoints(rays, samples), expected, strict=True):
        torch.testing.assert_close(found, value)


@pytest.mark.parametrize("in_rows", [False, True])
@pytest.mark.parametrize("n_features", [2, 4])
def test_a_hash_grid_gathers_and_scatters_the_same(n_features, in_rows, monkeypatch):
    """CUDA uses a thread per level and sample, and adds to gradients that are zeroed before."""
    levels = hash_grid.level_layout(5, 4, 64, 10, in_rows)
    table, positions = numbers(levels.n_entries, n_features), 1.4 * numbers(300, 3, seed=1) - 0.2
    grads, dim = numbers(300, 5 * n_features, seed=2), (5, 300)
    there = positions, levels.info, hash_grid.UNIT_CUBE
    features, table_grads = torch.empty_like(grads), torch.empty_like(table)
    hash_grid._gather(*there, table, features)
    hash_grid._scatter(*there, table_grads, grads)
    found, found_grads = torch.empty_like(grads), torch.zeros_like(table)
    launch_runs_of_cuda(hash_grid._GATHERS[n_features], dim, 0, hash_grid._arguments(*there, table, found))
    launch_runs_of_cuda(hash_grid._SCATTERS[n_features], dim, 0, hash_grid._arguments(*there, found_grads, grads))
    torch.testing.assert_close(found, features, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found_grads, table_grads, rtol=1e-4, atol=1e-4)


def march_as_on_cuda(monkeypatch):
    """Make a march in one launch use a thread per ray."""

    def launch(kernel, dim, inputs, grain, block):
        rays = inputs[[arg.label for arg in kernel.adj.args].index("rays") - 1]  # after `offset`
        launch_of_cuda(kernel, rays.shape, [rays.shape[0], *inputs[1:]])

    monkeypatch.setattr(fused_march, "launch", launch)
    monkeypatch.setattr(fused_march, "lanes_on", lambda device: 1)


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.parametrize("n_rays", [0, 1, 1500])
@pytest.mark.parametrize(
    "march",
    [
        {}, {"alpha_thre": 0.05, "early_stop_eps": 0.1}, {"cone_angle": 1 / 64},
        {"crop": (-0.5, -1.0, -0.2, 0.5, 1.0, 0.9), "near_plane": 2.5, "far_plane": 3.3},
    ],
)  # fmt: skip
def test_a_march_in_one_launch_keeps_what_rounds_keep(march, n_rays, n_levels, monkeypatch):
    field, sampler, rays = lively_field(), sampler_with(0.3, n_levels), rays_through(n_rays)
    settings = MarchSettings(render_step_size=0.02, **march)
    expected = sampler.sample(Unfused(field), rays, settings, None, 8)
    march_as_on_cuda(monkeypatch)
    found = sampler.sample(field, rays, settings, None, 8)
    # here a ray takes eight samples at once in every round
    assert (found.n_marched <= expected.n_marched).all() and (found.n_marched >= found.samples.packed_info[:, 1]).all()
    same(found._replace(n_marched=expected.n_marched), expected)
    assert n_rays < 1500 or found.samples.n_samples > 1500


def test_a_march_in_one_launch_updates_the_grid_with_the_densities_it_met(monkeypatch):
    field, rays, march = lively_field(), rays_through(700), MarchSettings(render_step_size=0.02, early_stop_eps=0.0)
    seen = []
    for marched in (Unfused(field), field):
        sampler = sampler_with(0.3, 2)
        sampler.sample(ObservedField(marched, sampler.grid, 0.02), rays, march, None, 8)
        seen.append(sampler.grid.seen)
        march_as_on_cuda(monkeypatch)
    torch.testing.assert_close(*seen, rtol=1e-3, atol=1e-5)


def test_a_march_in_one_launch_reports_how_much_it_evaluated(monkeypatch):
    field, sampler, rays, launches = lively_field(), sampler_with(0.3), rays_through(600), []
    march_as_on_cuda(monkeypatch)
    timed = field.march_density(True)._replace(on_launch=lambda: lambda *what: launches.append(what))
    monkeypatch.setattr(field, "march_density", lambda keeps_features: timed)
    sampled = sampler.sample(field, rays, MarchSettings(render_step_size=0.02), None, 8)
    assert len(launches) > 1 and sum(n for n, _ in launches) == int(sampled.n_marched.sum())
    assert all(0.0 < share < 1.0 for _, share in launches)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_march_in_one_launch_keeps_nan_and_finds_nothing_in_an_empty_grid(share, monkeypatch):
    field, sampler, rays = lively_field(), sampler_with(share), rays_through(50)
    with torch.no_grad():
        field.table.fill_(torch.nan)
    march_as_on_cuda(monkeypatch)
    march = MarchSettings(alpha_thre=0.5, early_stop_eps=0.5, occ_thre=0.5)
    sampled = sampler.sample(field, rays, march, None, 8)
    assert sampled.sigmas.isnan().all() and (sampled.samples.n_samples > 0) == (share > 0.0)
    assert torch.equal(sampled.n_marched, sampled.samples.packed_info[:, 1])
