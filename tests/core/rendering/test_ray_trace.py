"""The ray inspector against closed forms (a slab, a ball), the one path, and a slow walk through the cells."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config.march import THRESHOLDS_OFF, MarchSettings
from core.config.presets import endless
from core.geometry.rays import Rays
from core.kernels.camera_rays import generate_rays
from core.kernels.contraction import Space
from core.kernels.grid import GridState
from core.rendering.ray_trace import Fate, Stop, cells_along, inspect_ray
from core.rendering.render import render_image, render_rays
from core.samplers import make_sampler
from core.samplers.base import GuideKind, SamplerInputs
from core.samplers.hierarchical import HierarchicalSampler, HierarchicalSettings
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from core.samplers.proposal import ProposalSettings
from core.samplers.resampling import Spacing
from core.samplers.rvs import RVSSettings
from core.samplers.stratified import StratifiedSettings
from tests.scenes import BALL_RADIUS, BOX, SMALL_FIELD, Ball, Fog, camera

WHITE = torch.ones(3)
STEP = 0.01
MARCH = MarchSettings(render_step_size=STEP, **THRESHOLDS_OFF)
ALONG_X = ((-3.0, 0.1, 0.2), (1.0, 0.0, 0.0))
"""A ray from outside along an axis: inside the box from t = 2 to t = 4."""


def ray(origin, direction):
    return Rays(torch.tensor([origin]), torch.nn.functional.normalize(torch.tensor([direction]), dim=-1))


def full_sampler(resolution=8, n_levels=1):
    sampler = OccupancySampler(OccupancyGrid(BOX, resolution, n_levels))
    sampler.grid.start(0.01, 0.95)
    return sampler


def sampler_around_ball(resolution=16):
    """A sampler whose grid is occupied only in cells that overlap the ball."""
    sampler = full_sampler(resolution)
    centers = (torch.cartesian_prod(*[torch.arange(resolution)] * 3) + 0.5) * 2.0 / resolution - 1.0
    meets = torch.linalg.vector_norm(centers, dim=1) < BALL_RADIUS + math.sqrt(3.0) / resolution
    sampler.grid.occs[~meets] = -1.0
    return sampler


def inspect_on_grid(field, sampler, rays, march, together=1):
    """Inspect with the grid that the sampler marches."""
    return inspect_ray(field, sampler, rays, march, WHITE, sampler.grid, together)


def inspect_slab(sigma, rays=None, **thresholds):
    """Inspect homogeneous fog that fills the box."""
    march = replace(MARCH, **thresholds)
    return inspect_on_grid(Ball(sigma, radius=9.0), full_sampler(), rays or ray(*ALONG_X), march)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
def test_a_slab_has_closed_forms(sigma):
    report = inspect_slab(sigma)
    samples, depths = report.samples, report.samples.t_starts - 2.0
    np.testing.assert_allclose(samples.trans, np.exp(-sigma * depths), atol=2e-3 * sigma)
    np.testing.assert_allclose(samples.alphas, 1.0 - math.exp(-sigma * STEP), rtol=1e-3)
    np.testing.assert_allclose(samples.weights, samples.trans * (1.0 - math.exp(-sigma * STEP)), rtol=1e-3)
    assert report.opacity == pytest.approx(1.0 - math.exp(-2.0 * sigma), abs=2e-3 * sigma)
    half = 2.0 + math.log(2.0) / sigma
    expected = half if half < 4.0 else math.inf
    assert report.median_depth == pytest.approx(expected, abs=STEP)
    assert (samples.fates == Fate.COMPOSITED).all() and len(depths) == report.n_kept == report.n_marched == 200
    assert (report.stop, report.t_stop) == (Stop.LEFT_BOX, pytest.approx(4.0, abs=1e-5))


@pytest.mark.parametrize("eps", [0.5, 1e-1, 1e-2, 1e-4])
def test_a_slab_stops_where_its_transmittance_falls_below_the_threshold(eps):
    sigma = 6.0
    report = inspect_slab(sigma, early_stop_eps=eps)
    n_needed = math.floor(-math.log(eps) / (sigma * STEP)) + 1
    assert report.stop is Stop.OPAQUE and report.n_kept == n_needed
    assert report.t_stop == pytest.approx(2.0 + n_needed * STEP, abs=STEP)
    behind = report.samples.fates == Fate.BEHIND_STOP
    np.testing.assert_array_equal(behind, report.samples.trans < eps)
    np.testing.assert_array_equal(behind, report.samples.t_starts > report.t_stop - STEP / 2)
    assert behind.sum() == 200 - n_needed and (report.samples.weights[behind] == 0.0).all()


def test_a_balls_entry_exit_and_chord_are_found():
    offset = 0.3
    report = inspect_on_grid(Ball(5.0), sampler_around_ball(), ray((-3.0, offset, 0.0), (1.0, 0.0, 0.0)), MARCH)
    half = math.sqrt(BALL_RADIUS**2 - offset**2)
    inside = report.samples.sigmas > 0.0
    assert report.samples.t_starts[inside][0] == pytest.approx(3.0 - half, abs=STEP)
    assert report.samples.t_ends[inside][-1] == pytest.approx(3.0 + half, abs=STEP)
    assert report.opacity == pytest.approx(1.0 - math.exp(-5.0 * 2.0 * half), abs=0.05 * math.exp(-10.0 * half) + 1e-3)
    assert report.median_depth == pytest.approx(3.0 - half + math.log(2.0) / 5.0, abs=STEP)
    visited = report.cells.occupied
    assert report.cells.t_starts[visited][0] < 3.0 - half and report.cells.t_ends[visited][-1] > 3.0 + half
    assert not visited.all() and len(report.samples.t_starts) < report.n_dense


@pytest.mark.parametrize(
    "thresholds",
    [
        {},
        {"early_stop_eps": 0.1},
        {"alpha_thre": 0.025},
        {"alpha_thre": 0.018, "early_stop_eps": 0.3},
        {"near_plane": 2.4, "far_plane": 3.1, "cone_angle": 0.01},
        {"crop": (-0.5, -0.4, -0.6, 0.3, 0.8, 0.5)},
    ],
)
def test_the_pixel_equals_that_of_the_one_path(thresholds):
    view, march, field, sampler = camera(size=6), replace(MARCH, **thresholds), Fog(), full_sampler(n_levels=2)
    rays, image = generate_rays(view), render_image(field, sampler, view, march, WHITE)
    for i in range(36):
        one = Rays(rays.rays_o[i : i + 1], rays.rays_d[i : i + 1])
        report = inspect_on_grid(field, sampler, one, march)
        out, row, column = render_rays(field, sampler, one, march, WHITE), i // 6, i % 6
        assert report.color == tuple(out.colors[0].tolist())
        torch.testing.assert_close(torch.tensor(report.color), image.colors[row, column], rtol=0, atol=1e-6)
        assert (report.opacity, report.depth, report.trans) == (out.opacities, out.depths, out.trans)
        assert report.median_depth == out.median_depths
        assert (report.n_dense, report.n_marched, report.n_kept) == (out.n_dense, out.n_marched, out.n_kept)
        assert report.n_kept == int(image.n_kept[row, column])
        assert (report.stop is Stop.OPAQUE) == bool(image.stopped[row, column])
        check_samples_make_the_pixel(report, march)


def check_samples_make_the_pixel(report, march):
    samples = report.samples
    kept, before = samples.fates == Fate.COMPOSITED, samples.fates != Fate.BEHIND_STOP
    assert kept.sum() == report.n_kept and before.sum() <= report.n_marched <= len(before)
    assert samples.weights.sum() == pytest.approx(report.opacity, abs=1e-5)
    np.testing.assert_allclose(samples.weights @ samples.rgbs + 1.0 - report.opacity, report.color, atol=1e-5)
    middles = 0.5 * (samples.t_starts + samples.t_ends)
    if report.n_kept:
        assert (samples.weights @ middles) / samples.weights.sum() == pytest.approx(report.depth, abs=1e-4)
    assert (samples.alphas[kept] >= march.alpha_thre - 1e-6).all() and (samples.weights[~kept] == 0.0).all()
    assert (samples.alphas[before & ~kept] <= march.alpha_thre + 1e-6).all()
    assert (samples.trans[~before] <= march.early_stop_eps + 1e-6).all()


@pytest.mark.parametrize("thresholds", [{}, {"alpha_thre": 0.02, "early_stop_eps": 0.3}])
@pytest.mark.parametrize("settings", [StratifiedSettings(40), HierarchicalSettings(16, 24), ProposalSettings(2)])
def test_samples_placed_by_weight_make_the_pixel_too(settings, thresholds):
    view, march, field, cells = camera(size=5), replace(MARCH, **thresholds), Fog(), full_sampler().grid
    inputs = SamplerInputs(cells, BOX, Space(BOX), SMALL_FIELD, torch.Generator().manual_seed(0))
    sampler = make_sampler(settings, inputs)
    rays, image = generate_rays(view), render_image(field, sampler, view, march, WHITE)
    for i in range(25):
        one = Rays(rays.rays_o[i : i + 1], rays.rays_d[i : i + 1])
        report = inspect_ray(field, sampler, one, march, WHITE, cells=cells)
        torch.testing.assert_close(torch.tensor(report.color), image.colors[i // 5, i % 5], rtol=0, atol=1e-5)
        assert report.samples.weights.sum() == pytest.approx(report.opacity, abs=1e-5)
        kept = report.samples.fates == Fate.COMPOSITED
        assert kept.sum() == report.n_kept == int(image.n_kept[i // 5, i % 5])
        assert len(kept) <= report.n_dense == report.n_marched
        touching = report.samples.t_ends[:-1] == report.samples.t_starts[1:]
        assert touching.all() and (kept.all() or thresholds)


@pytest.mark.parametrize("thresholds", [{}, {"alpha_thre": 0.3}])
def test_samples_without_a_length_have_the_weights_of_their_sampler(thresholds):
    settings, march, cells = RVSSettings(n_bins=32, n_samples=8), replace(MARCH, **thresholds), full_sampler().grid
    sampler = make_sampler(settings, SamplerInputs(cells, BOX, Space(BOX), SMALL_FIELD))
    rays = generate_rays(camera(size=5))
    for i in range(25):
        one = Rays(rays.rays_o[i : i + 1], rays.rays_d[i : i + 1])
        report = inspect_ray(Fog(), sampler, one, march, WHITE, cells=cells)
        samples = report.samples
        if report.n_kept:
            np.testing.assert_allclose(samples.weights, report.opacity / 8, atol=1e-5)
        assert samples.weights.sum() == pytest.approx(report.opacity, abs=1e-5)
        assert (samples.fates == Fate.COMPOSITED).sum() == report.n_kept
        assert report.n_kept == (0 if report.t_min == math.inf or report.opacity == 0.0 else 8)


def inspect_with(settings, rays=None):
    """The report of a ray through fog with thresholds off, by an untrained sampler."""
    cells = full_sampler().grid
    inputs = SamplerInputs(cells, BOX, Space(BOX), SMALL_FIELD, torch.Generator().manual_seed(0))
    sampler = make_sampler(settings, inputs)
    return inspect_ray(Fog(), sampler, rays or ray(*ALONG_X), MARCH, WHITE, cells=cells)


def edges_of(samples):
    return np.append(samples.t_starts, samples.t_ends[-1])


def test_a_grid_and_equal_bins_have_no_further_guides():
    assert inspect_slab(1.0).guides == inspect_with(StratifiedSettings(8)).guides == ()


def test_all_edges_are_the_coarse_ones_and_the_added_ones():
    report = inspect_with(HierarchicalSettings(16, 24))
    coarse, added = report.guides
    assert (coarse.kind, added.kind) == (GuideKind.WEIGHTS, GuideKind.PLACES)
    np.testing.assert_allclose(np.diff(coarse.ts), 2.0 / 16, rtol=1e-4)
    np.testing.assert_array_equal(np.sort(np.concatenate([coarse.ts, added.ts])), edges_of(report.samples))
    shares = np.interp(added.ts, coarse.ts, np.append(0.0, np.cumsum(coarse.heights + 1e-5)))
    np.testing.assert_allclose(shares / np.sum(coarse.heights + 1e-5), (np.arange(24) + 0.5) / 24, atol=1e-4)


def test_each_proposal_places_the_bins_of_the_next():
    report = inspect_with(ProposalSettings(2, n_first=16, n_second=12, n_final=8, anneal_steps=0))
    assert [guide.name for guide in report.guides] == ["first proposal", "second proposal"]
    for guide, following in zip(report.guides, [report.guides[1].ts, edges_of(report.samples)], strict=True):
        shares = np.interp(following, guide.ts, np.append(0.0, np.cumsum(guide.heights + 1e-2)))
        np.testing.assert_allclose(np.diff(shares), np.mean(np.diff(shares)), rtol=1e-3)


@pytest.mark.parametrize("spline", ["linear", "constant"])
@pytest.mark.parametrize("use", ["color", "hierarchical"])
def test_samples_lie_at_quantiles_of_the_splines_opacity(use, spline):
    report = inspect_with(RVSSettings(use, spline, n_bins=12, n_samples=8))
    density, weights = report.guides
    assert (density.kind, weights.kind) == (GuideKind.DENSITY, GuideKind.WEIGHTS)
    assert len(density.heights) == 12 + (spline == "linear") and len(density.ts) == 13
    fine = np.linspace(density.ts[0], density.ts[-1], 20001)
    middles = 0.5 * (fine[1:] + fine[:-1])
    if spline == "linear":
        densities = np.interp(middles, density.ts, density.heights)
    else:
        densities = density.heights[np.searchsorted(density.ts, middles) - 1]
    opacities = -np.expm1(-np.append(0.0, np.cumsum(densities * np.diff(fine))))
    np.testing.assert_allclose(np.cumsum(weights.heights), np.interp(weights.ts[1:], fine, opacities), atol=1e-4)
    places, shares = edges_of(report.samples), np.arange(9) / 8
    if use == "color":
        places, shares = report.samples.t_starts, (np.arange(8) + 0.5) / 8
    np.testing.assert_allclose(np.interp(places, fine, opacities) / opacities[-1], shares, atol=1e-3)


def test_a_ray_that_misses_has_no_guides():
    beside = ray((-3.0, 5.0, 0.0), (1.0, 0.0, 0.0))
    for settings in (HierarchicalSettings(4, 4), ProposalSettings(), RVSSettings(), RVSSettings("hierarchical")):
        report = inspect_with(settings, beside)
        assert (report.stop, report.guides) == (Stop.MISSED, ())


def test_samples_behind_the_box_are_reported_to_their_end():
    cells, march = full_sampler().grid, replace(MARCH, far_plane=endless(BOX))
    sampler = HierarchicalSampler(HierarchicalSettings(16, 8), BOX, Fog(), Spacing(2.0, endless=True))
    along = inspect_ray(Ball(0.0), sampler, ray(*ALONG_X), march, WHITE, cells=cells)
    end = pytest.approx(endless(BOX), rel=0.01)  # float32 resolves no more so far away
    assert (along.stop, along.t_stop, along.t_min) == (Stop.FAR_PLANE, end, 2.0)
    assert (along.t_max, along.cells.t_ends[-1], along.samples.t_ends[-1]) == (4.0, 4.0, end)
    beside = inspect_ray(Ball(0.0), sampler, ray((-3.0, 5.0, 0.0), (1.0, 0.0, 0.0)), march, WHITE, cells=cells)
    assert (beside.stop, beside.t_min, beside.t_max) == (Stop.FAR_PLANE, 0.0, end)
    assert len(beside.cells.t_starts) == 0 and beside.n_kept == 24


def test_rays_rendered_together_change_only_what_is_evaluated_in_vain():
    march = replace(MARCH, early_stop_eps=0.5)
    alone, many = (inspect_on_grid(Fog(), full_sampler(), ray(*ALONG_X), march, together) for together in (1, 1 << 15))
    assert many.n_marched < alone.n_marched < 200
    assert (many.color, many.n_kept, many.t_stop) == (alone.color, alone.n_kept, alone.t_stop)
    np.testing.assert_array_equal(many.samples.fates, alone.samples.fates)


def test_reasons_for_a_rays_end():
    assert inspect_slab(1.0, far_plane=3.0).stop is Stop.FAR_PLANE
    assert inspect_slab(1.0, far_plane=3.0).t_stop == 3.0
    nothing = inspect_on_grid(Fog(), sampler_around_ball(), ray((-3.0, 0.9, 0.9), (1.0, 0.0, 0.0)), MARCH)
    assert nothing.stop is Stop.NOTHING and not nothing.cells.occupied.any() and nothing.n_dense == 200
    assert (nothing.color, nothing.opacity, nothing.depth, nothing.median_depth) == ((1.0,) * 3, 0.0, *(math.inf,) * 2)
    assert nothing.cells.t_starts[0] == pytest.approx(2.0) and nothing.cells.t_ends[-1] == pytest.approx(4.0)
    for missing in (
        inspect_slab(1.0, ray((-3.0, 5.0, 0.0), (1.0, 0.0, 0.0))),
        inspect_slab(1.0, near_plane=5.0),
        inspect_slab(1.0, crop=(2.0, 2.0, 2.0, 3.0, 3.0, 3.0)),
    ):
        assert missing.stop is Stop.MISSED and missing.t_stop == missing.t_min == math.inf
        assert len(missing.cells.t_starts) == len(missing.samples.t_starts) == missing.n_dense == 0


def test_a_camera_inside_the_box_starts_at_once():
    report = inspect_slab(1.0, ray((0.0, 0.0, 0.0), (0.0, 0.0, -1.0)))
    assert report.t_min == report.samples.t_starts[0] == report.cells.t_starts[0] == 0.0
    assert report.opacity == pytest.approx(1.0 - math.exp(-1.0), abs=5e-3)
    assert len(report.cells.t_starts) == 4 and report.t_stop == pytest.approx(1.0)


def test_only_one_ray_at_a_time():
    with pytest.raises(ValueError, match="one ray"):
        inspect_on_grid(Fog(), full_sampler(), generate_rays(camera(size=2)), MARCH)


def slow_cells(state, origin, direction, ts):
    """Level and occupancy at each t, one by one."""
    center, half = np.mean(np.reshape(state.box, (2, 3)), axis=0), np.subtract(state.box[3:], state.box[:3]) / 2
    found = []
    for t in ts:
        offset = np.add(origin, np.multiply(t, direction)) - center
        level = next(k for k in range(len(state.binaries)) if (abs(offset) <= half * 2**k * (1 + 1e-9)).all())
        unit = (offset / (half * 2**level) + 1.0) / 2.0
        cell = [min(int(u * n), n - 1) for u, n in zip(unit, state.binaries.shape[1:], strict=True)]
        found.append((level, *cell, bool(state.binaries[level, cell[0], cell[1], cell[2]])))
    return found


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.parametrize(
    "origin, direction",
    [
        ((-3.0, 0.5, 0.2), (0.9, -0.2, 0.1)),
        ((3.0, 2.0, -2.5), (-0.7, -0.5, 0.6)),
        ((0.1, 0.2, 0.3), (-0.3, 0.2, 0.9)),
        ((-3.0, 0.0, 0.25), (1.0, 0.0, 0.0)),
        ((0.3, 0.3, 3.5), (0.0, 0.0, -1.0)),
    ],
)
def test_cells_are_those_of_a_slow_walk(n_levels, origin, direction):
    box = (-1.0, -0.5, -0.8, 1.0, 0.9, 0.7)
    generator = torch.Generator().manual_seed(1)
    state = GridState(box, torch.rand(n_levels, 6, 6, 6, generator=generator) < 0.4)
    direction = np.divide(direction, np.linalg.norm(direction))
    outer = np.reshape(state.outer_box(), (2, 3))
    with np.errstate(divide="ignore"):
        faces = (outer - origin) / direction
    t_min, t_max = max(faces.min(0).max(), 0.0), faces.max(0).min()
    cells = cells_along(state, origin, tuple(direction), t_min, t_max)
    assert cells.t_starts[0] == t_min and cells.t_ends[-1] == t_max
    np.testing.assert_array_equal(cells.t_starts[1:], cells.t_ends[:-1])
    ts = np.linspace(t_min, t_max, 3001)[1:-1]
    ts = ts[np.abs(ts[:, None] - np.append(cells.t_starts, t_max)).min(1) > 1e-6]
    slow = slow_cells(state, origin, direction, ts)
    which = np.searchsorted(cells.t_starts, ts) - 1
    assert [(s[0], s[-1]) for s in slow] == list(zip(cells.levels[which], cells.occupied[which], strict=True))
    one_cell = {i: {s for s, w in zip(slow, which, strict=True) if w == i} for i in set(which)}
    assert all(len(members) == 1 for members in one_cell.values()), "a span covers one cell"
    assert sum(a != b for a, b in zip(slow[1:], slow, strict=False)) <= len(cells.t_starts) - 1
