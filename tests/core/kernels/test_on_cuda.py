"""Every kernel gives the same on CUDA as on the CPU, which other tests compare with a twin; on torch's stream."""

import warnings
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.datasets import open_dataset
from core.fields.mlp import mlp
from core.fields.ngp import NGPField
from core.kernels import fused_march
from core.kernels.contraction import Space
from core.kernels.grid import GridState
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.marching import March, midpoints
from core.kernels.packed import accumulate_along_rays, composite, render_weights
from core.rendering.timing import Stopwatch
from core.samplers.occupancy_grid import ObservedField
from core.self_check.cases import CASES
from core.self_check.inputs import numbers
from core.training.build import Overrides, new_trainer
from tests.core.kernels import twins
from tests.core.kernels.test_fused_march import lively_field, rays_through, sampler_with
from tests.core.kernels.test_marching import BOX, assert_same_samples, grid, march_all, random_rays
from tests.scenes import SMALL_FIELD

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_marches_take_the_same_samples():
    for change in ({}, {"cone_angle": 0.02}, {"crop": (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)}):
        settings, state, rays = MarchSettings(render_step_size=0.03, **change), grid(3, 0.3), random_rays(50)
        expected = march_all(state, rays, settings, 16)
        there = GridState(BOX, state.binaries.cuda()), rays.to("cuda")
        assert_same_samples(march_all(*there, settings, 16), expected, 0.01)
        assert sum(map(len, expected)) > 40
        dense = [March(s, r, settings).n_dense.cpu() for s, r in ((state, rays), there)]
        assert (dense[0] - dense[1]).abs().max() <= 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_and_gradients_equal_the_cpus(case):
    assert case.fault(case.compute("cpu"), case.compute("cuda")) is None


def test_a_field_in_half_precision_is_close_to_the_cpus_in_float32():
    field = NGPField(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(0))
    positions, directions = numbers(400, 3) - 0.5, torch.nn.functional.normalize(numbers(400, 3, seed=1), dim=-1)
    expected = field.color(field.density(positions)[1], directions).detach()
    half = NGPField(replace(SMALL_FIELD, precision="bfloat16"), Space(BOX))
    half.load_state_dict(field.state_dict())
    half = half.cuda()
    found = half.color(half.density(positions.cuda())[1], directions.cuda())
    torch.testing.assert_close(found.detach().cpu(), expected, rtol=0.05, atol=0.02)


def test_kernels_run_on_torchs_current_stream():
    stream, info = torch.cuda.Stream(), twins.packed_info([1000]).cuda()
    values = torch.zeros(1000, 1, device="cuda")
    weights = torch.ones(1000, device="cuda")
    torch.cuda.synchronize()
    for _ in range(3):  # the first launch loads the kernel, which synchronises
        with torch.cuda.stream(stream):
            torch.cuda._sleep(20_000_000)
            values.fill_(1.0)
            sums = accumulate_along_rays(weights, values, info)
            values.fill_(0.0)
        stream.synchronize()
        assert float(sums) == 1000.0


def n_synchronisations(work):
    try:
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return len([warning for warning in caught if "synchroniz" in str(warning.message)])


@pytest.mark.parametrize("room", [None, 4096])
def test_a_march_in_one_launch_keeps_what_it_keeps_on_the_cpu(room, monkeypatch):
    """Also if the room suffices only for a part at a time, which threads then claim concurrently."""
    if room is not None:
        monkeypatch.setitem(fused_march._LEAST_ROOM, "cuda", room)
        monkeypatch.setitem(fused_march._KEPT_OF_A_RAY, "cuda", 0)
    n_rays, march = 10_000, MarchSettings(render_step_size=0.02, early_stop_eps=0.0)
    results = []
    for device in ("cpu", "cuda"):
        field, rays = lively_field().to(device), rays_through(n_rays).to(device)
        sampler = sampler_with(0.3, 2, device)
        sampled = sampler.sample(ObservedField(field, sampler.grid, 0.02), rays, march, None, 8)
        samples, counts = sampled.samples, sampled.samples.packed_info[:, 1]
        every_ray = torch.arange(n_rays, dtype=torch.int32, device=device)
        assert torch.equal(samples.ray_indices, every_ray.repeat_interleave(counts))
        follow = samples.ray_indices[1:] == samples.ray_indices[:-1]
        assert (samples.t_starts.diff()[follow] > 0.0).all()
        with torch.no_grad():
            expected = field.density_alone(midpoints(rays, samples)[0])
        torch.testing.assert_close(sampled.sigmas, expected, rtol=1e-2, atol=1e-3)
        results.append([x.cpu() for x in (counts, sampled.n_marched, sampled.trans, sampler.grid.seen)])
    assert int(results[0][0].sum()) > 10 * n_rays
    for here, there in zip(*results, strict=True):  # a midpoint on a cell's face may fall on either side
        assert torch.isclose(here.float(), there.float(), rtol=1e-2, atol=1e-3).float().mean() > 0.98


@pytest.mark.parametrize("watched", [False, True])
def test_a_march_in_one_launch_synchronises_once(watched):
    march = MarchSettings(render_step_size=0.02, early_stop_eps=0.1)
    field, rays = lively_field().to("cuda"), rays_through(10_000).to("cuda")
    sampler = sampler_with(0.3, 2, "cuda")
    if watched:
        watch = Stopwatch(field, sampler, "cuda")
        field, sampler = watch.field, watch.sampler
    sampler.sample(field, rays, march, None, 8)
    assert n_synchronisations(lambda: sampler.sample(field, rays, march, None, 8)) == 1


def test_a_training_step_waits_only_for_the_number_of_samples_and_the_loss(ball_scene):
    few = Overrides(training={"target_samples": 1 << 15})  # an untrained field keeps many more than it is asked for
    trainer = new_trainer(open_dataset(ball_scene), "cuda", 0, few)
    trainer.samples_per_ray = 4.0  # as for a trained field: enough rays for one launch
    trainer.step()
    trainer.samples_per_ray = 4.0
    assert n_synchronisations(trainer.step) == 2


def test_only_the_number_of_samples_waits_for_the_gpu():
    rays, state = random_rays(500).to("cuda"), GridState(BOX, grid(1, 0.5).binaries.cuda())
    every_ray, settings = torch.arange(500, dtype=torch.int32, device="cuda"), MarchSettings(render_step_size=0.03)
    levels = level_layout(4, 4, 64, 10)
    table, info = torch.rand(levels.n_entries, 2, device="cuda", requires_grad=True), levels.info.cuda()
    layers = [torch.rand(8, 8, device="cuda", requires_grad=True) for _ in range(2)]

    def march():
        return March(state, rays, settings).round(every_ray, 64)

    def learn(samples):
        features = hash_encode(midpoints(rays, samples)[0], table, info, Space(BOX))
        decoded = mlp(features, layers, "bfloat16")
        spans = samples.t_starts, samples.t_ends, samples.packed_info
        weights, _ = render_weights(torch.exp(decoded[:, 0]), *spans)
        sums = accumulate_along_rays(weights, decoded, samples.packed_info)
        pixels = composite(torch.exp(decoded[:, 0]), decoded[:, 1:4], *spans, torch.ones_like(sums[:, :3]))
        (sums.square().sum() + pixels.colors.square().sum()).backward()

    learn(march())  # compiles
    samples = []
    assert n_synchronisations(lambda: samples.append(march())) == 1
    assert n_synchronisations(lambda: learn(*samples)) == 0
