"""Every kernel gives the same on CUDA as on the CPU, which other tests compare with a twin; on torch's stream."""

import warnings
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.datasets import open_dataset
from core.fields.mlp import mlp
from core.fields.ngp import NGPField
from core.geometry.lenses import Lens
from core.geometry.placement import NdcFrame
from core.geometry.rays import Rays
from core.kernels import fused_march
from core.kernels.camera_rays import camera_rays
from core.kernels.cell_hits import cells_on_plane, first_cells
from core.kernels.contraction import Space
from core.kernels.encoded_network import encoded_network, packed_table
from core.kernels.grid import GridState, geometry
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.marching import March, midpoints
from core.kernels.packed import accumulate_along_rays, composite, render_weights
from core.kernels.pixels import lay_over, look_up
from core.kernels.spherical_harmonics import beside_harmonics
from core.kernels.upkeep import UNSEEN, fold, observe, points_in
from core.rendering.render import render_rays
from core.rendering.timing import Stopwatch
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField, OccupancyGrid
from core.training.build import Overrides, new_trainer
from tests.core.kernels import twins
from tests.core.kernels.test_fused_march import lively_field, rays_through, sampler_with
from tests.core.kernels.test_marching import BOX, assert_same_samples, grid, march_all, random_rays
from tests.scenes import SMALL_FIELD, Fog

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def on(device, *values):
    return [x.to(device) if isinstance(x, torch.Tensor) else x for x in values]


def numbers(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_marches_take_the_same_samples():
    for change in ({}, {"cone_angle": 0.02}, {"crop": (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)}):
        settings, state, rays = MarchSettings(render_step_size=0.03, **change), grid(3, 0.3), random_rays(50)
        expected = march_all(state, rays, settings, 16)
        there = GridState(BOX, state.binaries.cuda()), rays.to("cuda")
        assert_same_samples(march_all(*there, settings, 16), expected, 0.01)
        assert sum(map(len, expected)) > 40
        dense = [March(s, r, settings).n_dense.cpu() for s, r in ((state, rays), there)]
        assert (dense[0] - dense[1]).abs().max() <= 1


def _weights_and_sums(device):
    info, n = twins.packed_info([3, 0, 40, 200]), 243
    sigmas, t_starts, lengths, values, info = on(
        device, 8.0 * numbers(n, seed=1), numbers(n), 0.1 * numbers(n, seed=2), numbers(n, 5), info
    )
    sigmas.requires_grad_(), values.requires_grad_()
    weights, trans = render_weights(sigmas, t_starts, t_starts + lengths, info)
    sums = accumulate_along_rays(weights, values, info)
    grads = torch.autograd.grad(sums.square().sum() + trans.sum(), (sigmas, values))
    return weights, trans, sums, *grads


def _pixels_of_samples(device):
    info, n = twins.packed_info([3, 0, 40, 200]), 243
    sigmas, rgbs, t_starts, lengths, background, info = on(
        device, 8.0 * numbers(n, seed=1), numbers(n, 3), numbers(n), 0.1 * numbers(n, seed=2), numbers(4, 3), info
    )
    leaves = [x.requires_grad_() for x in (sigmas, rgbs, t_starts, t_starts.detach() + lengths)]
    results = []
    for ray_weights in (None, lengths / 200.0):
        out = composite(*leaves, info, background, ray_weights)
        hit = info[:, 1] > 0
        total = out.colors.square().sum() + out.opacities.square().sum() + out.depths[hit].sum() + out.weights.sum()
        results += [*out, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]
    return results


def _hash_grid(device):
    levels = level_layout(6, 4, 64, 10)
    positions, table, info = on(device, 3.0 * numbers(500, 3) - 1.0, numbers(levels.n_entries, 2, seed=1), levels.info)
    results = []
    frame = NdcFrame((0.5, 0.5, 1.5), (1.0, 0.1, 0.0, 0.0, 1.0, 0.2, 0.0, 0.0, -0.8))
    box = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    for space in (Space(box), Space(box, "max"), Space(box, "sphere"), Space(box, "ndc", frame)):
        table.requires_grad_()
        features = hash_encode(positions, table, info, space)
        results += [features, *torch.autograd.grad(features.square().sum(), table)]
    return results


def _encoded_network(device):
    levels = level_layout(4, 4, 64, 10)
    positions, table, info = on(device, numbers(300, 3), numbers(levels.n_entries, 2, seed=1), levels.info)
    weights = on(device, numbers(32, 8, seed=2) - 0.5, numbers(16, 32, seed=3) - 0.5)
    space, one_output = Space((0.0, 0.0, 0.0, 1.0, 1.0, 1.0)), [weights[0], weights[1][:1]]
    return [encoded_network(positions, packed_table(table), info, space, layers) for layers in (weights, one_output)]


def _harmonics(device):
    features, directions = on(device, numbers(300, 16), torch.nn.functional.normalize(numbers(300, 3) - 0.5, dim=-1))
    features.requires_grad_()
    inputs = beside_harmonics(features, directions)
    return inputs, *torch.autograd.grad(inputs.square().sum(), features)


def _network(device):
    x, *weights = on(device, numbers(700, 8), numbers(32, 8, seed=1) - 0.5, numbers(3, 32, seed=2) - 0.5)
    leaves = [tensor.requires_grad_() for tensor in (x, *weights)]
    y = mlp(leaves[0], leaves[1:], "float32")
    return y, *torch.autograd.grad(y.square().sum(), leaves)


def _upkeep(device):
    shape = (2, 8, 8, 8)
    seen, occs, positions, sigmas = on(
        device, torch.full(shape, UNSEEN), numbers(*shape), 4.0 * numbers(900, 3) - 2.0, 9.0 * numbers(900)
    )
    observe(geometry(BOX, shape), seen, positions, sigmas, 0.1)
    before = seen.clone()
    binaries, changed = occs > 0.5, torch.zeros_like(occs, dtype=torch.int8)
    fold(seen, 0.5, occs, 0.3, binaries, changed)
    shares = numbers(48, 3).to(device)
    points = points_in(geometry(BOX, tuple(seen.shape)), 21 * torch.arange(48, device=device), shares)
    return before, seen, occs, binaries.float(), changed.float(), points


def _cells(device):
    state, settings = GridState(BOX, *on(device, grid(2, 0.1).binaries)), MarchSettings()
    rays = Rays(*on(device, *random_rays(100)))
    return *first_cells(state, rays, settings)[:2], *cells_on_plane(state, rays, settings, 2, 0.4)[:2]


def _pixels(device):
    c2w, K = torch.eye(4).repeat(3, 1, 1), torch.eye(3).repeat(3, 1, 1)
    c2w[:, :3], K[:, :2, 2] = numbers(3, 3, 4), 5.0 * numbers(3, 2, seed=1)
    K[:, [0, 1], [0, 1]] = 20.0
    sizes, images = torch.tensor([[7, 5], [4, 9], [1, 1]]), (255.0 * numbers(72, 4, seed=2)).byte()
    views, pixels = torch.tensor([0, 1, 2] * 30), torch.tensor([34, 35, 0] * 30)
    firsts, coefficients = torch.tensor([0, 35, 71]), 0.01 * numbers(3, 8, seed=3)
    firsts, c2w, K, coefficients, sizes, images, views, pixels = on(
        device, firsts, c2w, K, coefficients, sizes, images, views, pixels
    )
    rays = []
    for lens in (None, Lens(coefficients), Lens(coefficients, fisheye=True)):
        rays += camera_rays(c2w, K, lens, sizes, pixels, views)
    colors = look_up(images, firsts[views] + pixels)
    rays += camera_rays(c2w, K, None, (7, 5), 35 * views + pixels % 35)
    return *rays, *colors, lay_over(*colors, colors[0].flip(0))


def _path(device):
    sampler = OccupancySampler(OccupancyGrid(BOX, 8).to(device))
    sampler.grid.start(0.01, 0.9)
    march = MarchSettings(render_step_size=0.03, early_stop_eps=0.1, alpha_thre=0.02)
    rays, (background,) = Rays(*on(device, *random_rays(100))), on(device, torch.ones(3))
    with torch.no_grad():
        out = render_rays(Fog(), sampler, rays, march, background, round_size=4)
    return out.colors, out.opacities, out.trans, out.median_depths


RESULTS = [
    _weights_and_sums, _pixels_of_samples, _hash_grid, _encoded_network, _harmonics, _network, _upkeep, _cells, _pixels,
    _path,
]  # fmt: skip


@pytest.mark.parametrize("results", RESULTS, ids=lambda results: results.__name__)
def test_values_and_gradients_equal_the_cpus(results):
    for here, there in zip(results("cpu"), results("cuda"), strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=1e-3, atol=1e-4)


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
