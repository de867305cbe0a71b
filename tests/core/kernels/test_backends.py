"""nerfacc's kernels give the same samples, sums, images and gradients as Warp's.

They are tested with a twin of nerfacc's extension, which checks its arguments, and on a CUDA device that nerfacc can be
built for, with nerfacc's own extension.
"""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from core.config.march import MarchSettings
from core.errors import BackendUnavailable
from core.geometry.rays import Rays
from core.kernels.marching import March
from core.kernels.nerfacc import build
from core.kernels.nerfacc.kernels import NerfaccKernels, NerfaccMarch, proven
from core.kernels.packed import accumulate_along_rays, render_weights
from core.kernels.runtime.backend import Backend, current, nerfacc_for, use, using
from core.rendering.render import render_rays
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.core.kernels import nerfacc_twin, twins
from tests.core.kernels.test_fused_march import lively_field, rays_through, sampler_with
from tests.core.kernels.test_marching import BOX, assert_same_samples, axis_rays, grid, march_all, random_rays
from tests.scenes import Fog


@pytest.fixture(scope="module")
def extension():
    """nerfacc's own extension, compiled if necessary, which takes minutes."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    if not build.library().exists():
        if (obstacle := build.obstacle()) is not None:
            pytest.skip(obstacle)
        build.build()
    return build.load()


@pytest.fixture(params=["twin", "cuda"])
def nerfacc(request) -> Backend:
    if request.param == "twin":
        return Backend("nerfacc", "a twin", NerfaccKernels(nerfacc_twin, "cpu"))
    return Backend("nerfacc", "its own", proven(NerfaccKernels(request.getfixturevalue("extension"))))


def on(backend: Backend, *tensors):
    return [x.to(backend.nerfacc.device_type) for x in tensors]


def rays_on(backend, rays):
    return rays.to(backend.nerfacc.device_type)


def grid_on(backend, *args, **kwargs):
    state = grid(*args, **kwargs)
    return replace(state, binaries=state.binaries.to(backend.nerfacc.device_type))


def assert_both_march_alike(nerfacc, state, rays, settings, round_size=64, jitter=None):
    """Returns the number of samples."""
    expected = march_all(state, rays, settings, round_size, jitter)
    with using(nerfacc):
        found = march_all(state, rays, settings, round_size, jitter)
    assert_same_samples(found, expected, 0.01)
    return sum(map(len, found))


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_both_backends_take_the_same_samples(nerfacc, n_levels, share):
    rays, state = rays_on(nerfacc, random_rays(24)), grid_on(nerfacc, n_levels, share)
    n = assert_both_march_alike(nerfacc, state, rays, MarchSettings(render_step_size=0.05))
    assert (n > 0) == (share > 0)


@pytest.mark.parametrize(
    "change",
    [
        {"near_plane": 1.2, "far_plane": 2.2},
        {"crop": (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)},
        {"crop": (5.0, 5.0, 5.0, 6.0, 6.0, 6.0)},
    ],
)
@pytest.mark.parametrize("n_levels", [1, 2])
def test_planes_and_crop_reach_nerfacc(nerfacc, change, n_levels):
    settings = replace(MarchSettings(render_step_size=0.05), **change)
    rays, state = rays_on(nerfacc, random_rays(24)), grid_on(nerfacc, n_levels, 0.6)
    assert_both_march_alike(nerfacc, state, rays, settings)


def test_jitter_and_rays_along_the_axes_reach_nerfacc(nerfacc):
    settings, state = MarchSettings(render_step_size=0.05), grid_on(nerfacc, 2, 0.6)
    (jitter,) = on(nerfacc, torch.rand(24, generator=torch.Generator().manual_seed(3)))
    assert assert_both_march_alike(nerfacc, state, rays_on(nerfacc, random_rays(24)), settings, jitter=jitter) > 100
    expected = twins.march(*axis_rays()[:2], BOX, state.binaries.cpu(), settings)
    with using(nerfacc):
        found = march_all(state, rays_on(nerfacc, axis_rays()), settings, 64)
    assert_same_samples(found, expected, 0.03)


@pytest.mark.parametrize("round_size", [1, 5])
def test_rounds_of_nerfacc_continue_where_they_stopped(nerfacc, round_size):
    settings, state = MarchSettings(render_step_size=0.05), grid_on(nerfacc, 2, 0.4)
    rays = rays_on(nerfacc, random_rays(16))
    with using(nerfacc):
        whole = march_all(state, rays, settings, 4096)
        assert_same_samples(march_all(state, rays, settings, round_size), whole, 0.01)
    assert sum(map(len, whole)) > 100


@pytest.mark.parametrize("change", [{"cone_angle": 0.02}, {"render_step_size": 0.05, "far_plane": 1e9}])
def test_marches_that_nerfacc_samples_differently_are_left_to_warp(nerfacc, change):
    settings = replace(MarchSettings(render_step_size=0.05), **change)
    rays, state = rays_on(nerfacc, random_rays(24)), grid_on(nerfacc, 2, 0.1)
    expected = march_all(state, rays, settings, 64)
    with using(nerfacc):
        assert march_all(state, rays, settings, 64) == expected
    assert sum(map(len, expected)) > 0


def test_no_rays_and_no_samples(nerfacc):
    with using(nerfacc):
        state, (none,) = grid_on(nerfacc, 1, 1.0), on(nerfacc, torch.zeros(0, 3))
        march = March(state, Rays(none, none), MarchSettings())
        samples = march.round(torch.zeros(0, dtype=torch.int32, device=none.device), 8)
        assert samples.n_samples == 0 and samples.packed_info.shape == (0, 2)
        for counts in ([], [0, 0]):
            (info,) = on(nerfacc, twins.packed_info(counts).view(-1, 2))
            weights, trans = render_weights(none[:, 0], none[:, 0], none[:, 0], info)
            assert weights.shape == trans.shape == (0,)


@pytest.mark.parametrize("counts", [[3, 0, 5, 1], [40] * 70, list(range(60))])
def test_weights_and_gradients_equal_the_twins(nerfacc, counts):
    generator = torch.Generator().manual_seed(0)
    info, n = twins.packed_info(counts), sum(counts)
    t_starts = torch.rand(n, generator=generator)
    t_ends = t_starts + 0.1 * torch.rand(n, generator=generator)
    sigmas, values = 8.0 * torch.rand(n, generator=generator), torch.rand(n, 3, generator=generator)
    trans_grads = torch.randn(n, generator=generator)

    def results(sigmas, values, weights_of, accumulate):
        weights, trans = weights_of(sigmas.requires_grad_())
        sums = accumulate(weights, values.requires_grad_())
        total = sums.square().sum() + (trans * trans_grads.to(trans)).sum()
        return [x.cpu().float() for x in (weights, trans, sums, *torch.autograd.grad(total, (sigmas, values)))]

    lengths = (t_ends - t_starts).double()
    expected = results(
        sigmas.double(),
        values.double(),
        lambda s: twins.weights(s * lengths, info),
        lambda w, v: twins.accumulate(w, v, info),
    )
    s, v, t0, t1, packed = on(nerfacc, sigmas, values, t_starts, t_ends, info)
    with using(nerfacc):
        ours = results(
            s, v, lambda s: render_weights(s, t0, t1, packed), lambda w, v: accumulate_along_rays(w, v, packed)
        )
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_images_are_the_same_on_the_one_path(nerfacc):
    device = nerfacc.nerfacc.device_type
    rays = rays_on(nerfacc, random_rays(40))
    sampler = OccupancySampler(OccupancyGrid(BOX, 8).to(device))
    sampler.grid.start(0.01, 0.9)
    march = MarchSettings(render_step_size=0.05, early_stop_eps=0.1, alpha_thre=0.05)
    background = torch.tensor([0.2, 0.4, 0.6], device=device)
    outputs = []
    for backend in (Backend("warp", "compared"), nerfacc):
        with using(backend), torch.no_grad():
            outputs.append(render_rays(Fog(), sampler, rays, march, background, round_size=4))
    warp, other = outputs
    assert bool(warp.stopped.any()) and bool((warp.n_kept < warp.n_marched).any())
    for name in ("colors", "opacities", "trans"):
        torch.testing.assert_close(getattr(other, name), getattr(warp, name), rtol=1e-3, atol=1e-3)
    assert torch.equal(other.n_dense, warp.n_dense)


def test_all_of_nerfacc_gives_the_same_image_and_gradients(extension, monkeypatch):
    """With nerfacc's own estimator and rendering, not only the functions that we call."""
    import nerfacc as package

    monkeypatch.setitem(sys.modules, "nerfacc.csrc", extension)
    rays = Rays(*(x.cuda() for x in random_rays(200)))
    estimator = package.OccGridEstimator(list(BOX), resolution=16, levels=2).cuda()
    estimator.binaries.copy_(grid(2, 0.3, resolution=16).binaries)
    state = replace(grid(2, 0.3, resolution=16), binaries=estimator.binaries)
    indices, t_starts, t_ends = estimator.sampling(*rays, render_step_size=0.02, far_plane=100.0)

    def field(t_starts, t_ends, indices, scale):
        positions = rays.rays_o[indices] + rays.rays_d[indices] * (0.5 * (t_starts + t_ends))[:, None]
        return torch.sigmoid(positions), scale * (2.0 + torch.sin(7.0 * positions.sum(-1)))

    scale = torch.ones((), device="cuda", requires_grad=True)
    colors, opacities, _, _ = package.rendering(
        t_starts, t_ends, indices, n_rays=200, rgb_sigma_fn=lambda *samples: field(*samples, scale)
    )
    (theirs,) = torch.autograd.grad(colors.square().sum(), scale)

    every_ray = torch.arange(200, dtype=torch.int32, device="cuda")
    samples = March(state, rays, MarchSettings(render_step_size=0.02)).round(every_ray, 4096)
    rgbs, sigmas = field(samples.t_starts, samples.t_ends, samples.ray_indices.long(), scale)
    weights, _ = render_weights(sigmas, samples.t_starts, samples.t_ends, samples.packed_info)
    ours = accumulate_along_rays(weights, torch.cat([rgbs, torch.ones_like(rgbs[:, :1])], dim=1), samples.packed_info)
    (gradient,) = torch.autograd.grad(ours[:, :3].square().sum(), scale)
    assert samples.n_samples == pytest.approx(len(t_starts), rel=0.002)
    torch.testing.assert_close(ours[:, :3], colors, rtol=5e-3, atol=5e-3)
    torch.testing.assert_close(ours[:, 3:], opacities, rtol=5e-3, atol=5e-3)
    torch.testing.assert_close(gradient, theirs, rtol=2e-3, atol=1e-3)


def test_kernels_that_do_not_work_are_detected():
    def idle(starts, counts, inputs, normalize, backward):
        return torch.zeros_like(inputs)

    def failing(*_):
        raise RuntimeError("CUDA error: no kernel image\nCompile with TORCH_USE_CUDA_DSA")

    for function, message in ((idle, "0.0, 0.0, 0.0"), (failing, "no kernel image")):
        with pytest.raises(BackendUnavailable, match=f"{message}.*--backend warp"):
            proven(NerfaccKernels(SimpleNamespace(exclusive_sum=function), "cpu"))
    kernels = NerfaccKernels(nerfacc_twin, "cpu")
    assert proven(kernels) is kernels


def test_a_backend_is_used_inside_the_block_and_for_its_device_only():
    before, here = current(), torch.zeros(1)
    with using(Backend("nerfacc", "for CUDA", NerfaccKernels(nerfacc_twin, "cuda"))):
        assert nerfacc_for(here) is None
        kernels = NerfaccKernels(nerfacc_twin, "cpu")
        use(Backend("nerfacc", "for the CPU", kernels))
        assert nerfacc_for(here) is kernels
    assert current() is before and nerfacc_for(here) is None


def test_nerfacc_marches_where_chosen_even_if_warps_march_could_evaluate_densities_itself(nerfacc, monkeypatch):
    march, counts, rounds, take = MarchSettings(render_step_size=0.02, early_stop_eps=0.1), [], [], NerfaccMarch.round
    monkeypatch.setattr(NerfaccMarch, "round", lambda *args: rounds.append(len(counts)) or take(*args))
    device = nerfacc.nerfacc.device_type
    field, rays = lively_field().to(device), rays_through(60).to(device)
    sampler = sampler_with(0.3, device=device)
    for backend in (Backend("warp", "compared"), nerfacc):
        with using(backend):
            counts.append(sampler.sample(field, rays, march, None, 8).samples.packed_info[:, 1].cpu())
    assert (counts[0] == counts[1]).float().mean() > 0.9 and int(counts[0].sum()) > 60
    assert set(rounds) == {1}, "nerfacc marches only where it was chosen"
