"""The marcher against its definition: samples are the ray's intervals whose midpoints lie in occupied cells."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Rays, Samples
from core.kernels.clearance import clearances_of
from core.kernels.grid import FAR_AWAY, FLOAT_SPACING, GridState
from core.kernels.march_start import intersect_box
from core.kernels.marching import March, midpoints
from core.kernels.runtime.launch import using_threads
from tests.core.kernels import twins

BOX = (-1.0, -0.5, -0.8, 1.0, 0.9, 0.7)
AXES = torch.tensor([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0], [-1.0, 0, 0]])


def random_rays(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    origins = 2.0 * torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    origins[: n // 4] *= 0.2  # inside the box
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator) - origins, dim=-1)
    return Rays(origins, directions)


def axis_rays():
    """Rays exactly along the axes, some on a plane between cells."""
    origins = torch.tensor([[-2.0, 0.2, -0.05], [0.1, 3.0, 0.3], [0.0, 0.2, -2.0], [0.5, 0.2, 0.1]])
    return Rays(origins, AXES.clone())


def grid(n_levels, share, seed=0, resolution=8):
    generator = torch.Generator().manual_seed(seed)
    return GridState(BOX, torch.rand(n_levels, *[resolution] * 3, generator=generator) < share)


def march_all(state, rays, settings, round_size, jitter=None):
    """All samples of all rays as lists, taken `round_size` at a time."""
    march = March(state, rays, settings, jitter)
    found = [[] for _ in range(rays.rays_o.shape[0])]
    active = torch.arange(rays.rays_o.shape[0], dtype=torch.int32, device=rays.rays_o.device)
    while active.numel():
        samples = march.round(active, round_size)
        assert torch.equal(samples.ray_indices, active.repeat_interleave(samples.packed_info[:, 1]))
        for r, a, b in zip(
            samples.ray_indices.tolist(), samples.t_starts.tolist(), samples.t_ends.tolist(), strict=True
        ):
            found[r].append((a, b))
        active = active[march.t_nexts[active] < FAR_AWAY]
    return found


def assert_same_samples(found, expected, slack):
    """Equal up to rounding: a midpoint on a cell's face may fall on either side, so a few may differ."""
    n_found, n_expected = sum(map(len, found)), sum(map(len, expected))
    missing = 0
    for ours, theirs in zip(found, expected, strict=True):
        a, b = torch.tensor(ours).view(-1, 2), torch.tensor(theirs).view(-1, 2)
        if len(a) and len(b):
            distance = (a[:, None, :] - b[None]).abs().amax(-1)
            missing += int((distance.amin(0) > 2e-4).sum()) + int((distance.amin(1) > 2e-4).sum())
        else:
            missing += len(a) + len(b)
    assert missing <= slack * (n_found + n_expected), f"{missing} of {n_found} + {n_expected} samples differ"


@pytest.mark.parametrize("n_levels", [1, 2, 3])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("cone_angle", [0.0, 0.02])
def test_samples_equal_the_twins(n_levels, share, cone_angle):
    settings = MarchSettings(render_step_size=0.03, cone_angle=cone_angle)
    rays, state = random_rays(24), grid(n_levels, share)
    found = march_all(state, rays, settings, 4096)
    expected = twins.march(*rays[:2], BOX, state.binaries, settings)
    assert (sum(map(len, expected)) > 0) == (share > 0)
    assert_same_samples(found, expected, 0.01)


@pytest.mark.parametrize("resolution", [5, 6])
def test_levels_whose_cells_are_not_aligned(resolution):
    settings = MarchSettings(render_step_size=0.02)
    rays, state = random_rays(24, seed=3), grid(3, 0.2, resolution=resolution)
    expected = twins.march(*rays[:2], BOX, state.binaries, settings)
    assert_same_samples(march_all(state, rays, settings, 4096), expected, 0.01)


@pytest.mark.parametrize(
    "change",
    [
        {"near_plane": 1.5},
        {"far_plane": 2.2},
        {"near_plane": 1.2, "far_plane": 1.3},
        {"crop": (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)},
        {"crop": (5.0, 5.0, 5.0, 6.0, 6.0, 6.0)},
    ],
)
def test_planes_and_crop_bound_the_samples(change):
    settings = replace(MarchSettings(render_step_size=0.03), **change)
    rays, state = random_rays(24), grid(1, 0.6)
    found = march_all(state, rays, settings, 16)
    assert_same_samples(found, twins.march(*rays[:2], BOX, state.binaries, settings), 0.01)


def test_jitter_shifts_each_ray_by_its_fraction_of_a_step():
    settings = MarchSettings(render_step_size=0.03)
    rays, state, jitter = random_rays(24), grid(1, 0.6), torch.rand(24)
    found = march_all(state, rays, settings, 4096, jitter)
    assert_same_samples(found, twins.march(*rays[:2], BOX, state.binaries, settings, jitter), 0.01)


@pytest.mark.parametrize(
    "change",
    [{}, {"cone_angle": 0.02}, {"near_plane": 1.2, "far_plane": 2.0}, {"crop": (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)}],
)
def test_the_dense_count_is_that_of_a_full_grid(change):
    settings = replace(MarchSettings(render_step_size=0.03), **change)
    rays, full = random_rays(24), grid(2, 1.1)
    expected = [len(ray) for ray in march_all(full, rays, settings, 4096)]
    assert March(grid(2, 0.2), rays, settings).n_dense.tolist() == expected
    assert sum(expected) > 0


@pytest.mark.parametrize(("shape", "share"), [((1, 16, 24, 8), 0.3), ((3, 20, 9, 13), 0.01), ((1, 44, 44, 44), 0.0002)])
def test_clearances_are_exact_near_cells_and_never_too_large(shape, share):
    generator = torch.Generator().manual_seed(1)
    binaries = torch.rand(*shape, generator=generator) < share
    binaries[:, 3, 2, 1] = True
    clearances = clearances_of(binaries).int()
    exact = torch.full(shape, 1000, dtype=torch.int32)
    cells = torch.stack(torch.meshgrid(*(torch.arange(n) for n in shape[1:]), indexing="ij"), -1)
    for level, *cell in binaries.nonzero().tolist():
        distance = (cells - torch.tensor(cell)).abs().amax(-1).int()
        exact[level] = torch.minimum(exact[level], distance)
    near = exact <= 3
    assert torch.equal(clearances[near], exact[near])
    assert bool((clearances <= exact).all())
    assert bool((clearances[~near] >= exact[~near].clamp_max(29) - 6).all()), "too small by less than two blocks"


def test_clearances_are_large_in_an_empty_grid():
    assert int(clearances_of(torch.zeros(1, 32, 32, 32, dtype=torch.bool)).min()) > 16


@pytest.mark.parametrize("resolution", [16, 20])
@pytest.mark.parametrize("n_levels", [1, 3])
def test_skipping_empty_cells_changes_no_sample(resolution, n_levels):
    settings = MarchSettings(render_step_size=0.02)
    sparse = grid(n_levels, 0.004, resolution=resolution)
    found = march_all(sparse, random_rays(40), settings, 64)
    assert_same_samples(found, twins.march(*random_rays(40)[:2], BOX, sparse.binaries, settings), 0.02)


@pytest.mark.parametrize("cone_angle", [1e-5, 3e-4, 1.02e-3, 1.04e-3, 0.002, 0.008])
def test_a_long_way_to_the_box_is_skipped_onto_the_same_step_sequence(cone_angle):
    settings = MarchSettings(render_step_size=0.03, cone_angle=cone_angle)
    rays, state = random_rays(40), grid(1, 0.8)
    rays = rays._replace(rays_o=rays.rays_o - 30.0 * rays.rays_d)
    found = march_all(state, rays, settings, 64)
    expected = twins.march(*rays[:2], BOX, state.binaries, settings)
    assert sum(map(len, expected)) > 100
    assert_same_samples(found, expected, 0.02)


@pytest.mark.parametrize("cone_angle", [0.0, 1e-9])
def test_steps_below_the_spacing_of_float32_still_advance(cone_angle):
    settings = MarchSettings(render_step_size=1e-9, cone_angle=cone_angle, near_plane=2.0, far_plane=2.00005)
    rays = Rays(torch.tensor([[-2.5, 0.2, -0.05]]), AXES[:1].clone())
    (found,) = march_all(grid(1, 1.0), rays, settings, 64)
    assert all(a < b for a, b in found)
    assert len(found) == pytest.approx(5e-5 / (2.0 * FLOAT_SPACING), rel=0.02)


def test_a_camera_so_far_away_that_steps_vanish_in_rounding():
    settings = MarchSettings(render_step_size=1e-4, far_plane=1e9)
    rays = Rays(torch.tensor([[-1e4, 0.2, -0.05]]), AXES[:1].clone())
    march = March(grid(1, 1.0), rays, settings)
    starts = torch.tensor(march_all(grid(1, 1.0), rays, settings, 1024)[0])[:, 0]
    assert starts.diff().min() > 0
    assert starts[-1] - starts[0] == pytest.approx(2.0, abs=0.01)
    assert int(march.n_dense) == pytest.approx(len(starts), rel=0.3)  # each step is rounded to one or two spacings


def test_rays_along_the_axes():
    settings = MarchSettings(render_step_size=0.03)
    state = grid(2, 0.5)
    found = march_all(state, axis_rays(), settings, 4096)
    assert_same_samples(found, twins.march(*axis_rays()[:2], BOX, state.binaries, settings), 0.02)


@pytest.mark.parametrize("cone_angle", [0.0, 0.03])
@pytest.mark.parametrize("n_levels", [1, 2])
def test_rounds_of_any_size_take_the_same_samples(cone_angle, n_levels):
    settings = MarchSettings(render_step_size=0.02, cone_angle=cone_angle)
    rays, state = random_rays(50), grid(n_levels, 0.3)
    whole = march_all(state, rays, settings, 4096)
    for round_size in (1, 3, 16):
        assert march_all(state, rays, settings, round_size) == whole


def test_samples_are_sorted_and_touch_or_leave_gaps():
    samples = March(grid(1, 0.4), random_rays(200), MarchSettings(render_step_size=0.02)).round(
        torch.arange(200, dtype=torch.int32), 512
    )
    assert (samples.ray_indices.diff() >= 0).all()
    same_ray = samples.ray_indices.diff() == 0
    assert (samples.t_starts[1:][same_ray] >= samples.t_ends[:-1][same_ray] - 1e-6).all()
    assert (samples.t_ends > samples.t_starts).all()


def test_box_intersection_with_axis_parallel_rays_and_misses():
    t_mins, t_maxs = intersect_box(axis_rays(), BOX, near_plane=0.0)
    torch.testing.assert_close(t_mins, torch.tensor([1.0, 2.1, 1.2, 0.0]))
    torch.testing.assert_close(t_maxs, torch.tensor([3.0, 3.5, 2.7, 1.5]))
    outside = Rays(torch.tensor([[0.0, 5.0, 0.0], [0.0, 5.0, 0.0]]), torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]))
    t_mins, t_maxs = intersect_box(outside, BOX)
    assert (t_mins >= t_maxs).all()


@pytest.mark.parametrize("cone_angle", [0.0, 0.02])
def test_a_rays_start_does_not_depend_on_the_other_rays(cone_angle):
    settings = MarchSettings(render_step_size=0.03, cone_angle=cone_angle)
    rays, jitter = random_rays(1000), torch.rand(1000, generator=torch.Generator().manual_seed(1))
    starts = []
    for pieces in ([1000], [17, 500, 483], [1] * 100 + [900]):
        split = zip(*(x.split(pieces) for x in (*rays[:2], jitter)), strict=True)
        parts = [March(grid(1, 0.5), Rays(o, d), settings, shift) for o, d, shift in split]
        names = "t_mins", "t_maxs", "t_nexts", "n_dense"
        starts.append(torch.stack([torch.cat([getattr(part, name) for part in parts]) for name in names]))
    assert torch.equal(starts[0], starts[1]) and torch.equal(starts[0], starts[2])
    with using_threads(3):
        march = March(grid(1, 0.5), rays, settings, jitter)
    assert torch.equal(march.t_nexts, starts[0][2]) and torch.equal(march.n_dense, starts[0][3])


@pytest.mark.parametrize("axes", [[0], [1], [2], [0, 1, 2]])
@pytest.mark.parametrize("cone_angle", [0.0, 0.02])
def test_a_nan_ray_misses_and_does_not_affect_its_neighbours(cone_angle, axes):
    settings = MarchSettings(render_step_size=0.03, cone_angle=cone_angle)
    rays, lost = random_rays(40), torch.arange(40) % 7 == 3
    expected = March(grid(1, 1.0), rays, settings)
    for axis in axes:
        rays.rays_d[lost, axis] = torch.nan
    march = March(grid(1, 1.0), rays, settings)
    assert not (march.t_mins < march.t_maxs)[lost].any()
    assert (march.t_nexts[lost] == FAR_AWAY).all() and (march.n_dense[lost] == 0).all()
    assert torch.equal(march.t_nexts[~lost], expected.t_nexts[~lost])
    assert torch.equal(march.n_dense[~lost], expected.n_dense[~lost])


def test_a_crop_box_beside_the_grid_leaves_nothing():
    """Also for rays that pass between the grid and the crop box, or through both."""
    rays = Rays(torch.tensor([[-3.0, 0.2, 0.1], [1.5, 1.5, 1.5]]), torch.tensor([[1.0, 0, 0], [0.0, 0.6, 0.8]]))
    settings = MarchSettings(render_step_size=0.03, crop=(5.0, -1.0, -1.0, 6.0, 6.0, 6.0))
    assert march_all(grid(1, 1.0), rays, settings, 16) == [[], []]


def test_no_rays():
    nothing = Rays(torch.zeros(0, 3), torch.zeros(0, 3))
    samples = March(grid(1, 1.0), nothing, MarchSettings()).round(torch.zeros(0, dtype=torch.int32), 8)
    assert samples.n_samples == 0 and samples.packed_info.shape == (0, 2)


@pytest.mark.parametrize("times", [None, torch.linspace(0.0, 1.0, 20)])
def test_midpoints_of_intervals_lie_on_their_rays_and_follow_their_ends(times):
    rays = random_rays(20)._replace(times=times)
    ray_indices = torch.arange(20, dtype=torch.int32).repeat_interleave(3)
    t_starts = torch.rand(60, generator=torch.Generator().manual_seed(1)).requires_grad_()
    t_ends = (t_starts.detach() + 0.5).requires_grad_()
    positions, directions = midpoints(rays, Samples(t_starts, t_ends, ray_indices, twins.packed_info([3] * 20)))
    rays_o, rays_d = (x[ray_indices] for x in rays[:2])
    expected = rays_o + 0.5 * (t_starts + t_ends)[:, None] * rays_d
    torch.testing.assert_close(positions[:, :3], expected)
    assert torch.equal(directions, rays_d) and not directions.requires_grad
    assert times is None or torch.equal(positions[:, 3], times[ray_indices])
    with torch.no_grad():
        samples = Samples(t_starts, t_ends, ray_indices, twins.packed_info([3] * 20))
        alone, none = midpoints(rays, samples, directed=False)
    assert torch.equal(alone, positions) and none.shape == (0, 3)
    grads = torch.randn(60, 3, generator=torch.Generator().manual_seed(2))
    found, twin = (torch.autograd.grad((x * grads).sum(), [t_starts, t_ends]) for x in (positions[:, :3], expected))
    torch.testing.assert_close(found, twin)


def test_rays_may_share_one_origin():
    rays, settings = random_rays(20), MarchSettings(render_step_size=0.05)
    shared = Rays(torch.zeros(1, 3).expand(20, 3), rays.rays_d)
    found = march_all(grid(1, 0.5), shared, settings, 8)
    assert found == march_all(grid(1, 0.5), Rays(torch.zeros(20, 3), rays.rays_d), settings, 8)
    assert sum(map(len, found)) > 0


def test_midpoints_of_non_contiguous_inputs():
    generator = torch.Generator().manual_seed(0)
    wide, ends = torch.randn(20, 8, generator=generator), torch.rand(100, 2, generator=generator).sort(dim=1).values
    rays, indices = Rays(wide[:, 1:4], wide[:, 5:]), torch.randint(20, (100, 2), generator=generator).int()[:, 0]
    samples = Samples(ends[:, 0], ends[:, 1], indices, torch.zeros(20, 2, dtype=torch.int32))
    positions, directions = midpoints(rays, samples)
    expected = wide[indices.long(), 5:]
    assert torch.equal(directions, expected)
    torch.testing.assert_close(positions, wide[indices.long(), 1:4] + expected * ends.mean(1, keepdim=True))


def test_a_march_may_be_the_first_use_of_warp_in_a_process():
    code = "from tests.core.kernels.test_marching import *\n"
    code += "assert march_all(grid(1, 0.5), random_rays(20), MarchSettings(render_step_size=0.1), 16)"
    subprocess.run([sys.executable, "-c", code], check=True)
