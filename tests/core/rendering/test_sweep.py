import math
from dataclasses import replace
from itertools import cycle, pairwise

import pytest
import torch

from core.config.march import MARCH_NUMBERS, THRESHOLDS_OFF, MarchSettings
from core.rendering.metrics import psnr
from core.rendering.render import render_image
from core.rendering.sweep import Sweep
from core.rendering.sweep_curve import swept_setting
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.scenes import BOX, Ball, Fog, camera

VIEW, WHITE = camera(size=24), torch.ones(3)
MARCH = MarchSettings(render_step_size=0.05, alpha_thre=0.01, early_stop_eps=0.05)


@pytest.fixture(scope="module")
def sampler():
    sampler = OccupancySampler(OccupancyGrid(BOX, 16))
    sampler.grid.start(0.01, 0.95)
    return sampler


def sweep_of(name, sampler, field=None, march=MARCH, **options):
    setting = swept_setting(name, march, BOX, VIEW.c2w[:3, 3].tolist())
    return Sweep(field or Fog(), sampler, VIEW, march, WHITE, name, setting, **options)


def finished(sweep):
    while sweep.advance():
        pass
    return sweep.curve


@pytest.mark.parametrize("name", MARCH_NUMBERS)
def test_a_point_is_the_image_at_its_value(name, sampler):
    off = render_image(Fog(), sampler, VIEW, replace(MARCH, **THRESHOLDS_OFF), WHITE).colors.clamp(0, 1)
    curve = finished(sweep_of(name, sampler, n_values=4))
    assert len(curve.points) == 4
    for point in curve.points:
        out = render_image(Fog(), sampler, VIEW, replace(MARCH, **{name: point.value}), WHITE)
        assert point.density_evaluations == int(out.n_marched.sum())
        assert point.color_evaluations == int(out.n_kept.sum())
        assert point.samples_per_ray == pytest.approx(float(out.n_kept.float().mean()))
        assert point.psnr_vs_off == pytest.approx(psnr(out.colors.clamp(0, 1), off), abs=1e-3)
        assert point.ms > 0.0


@pytest.mark.parametrize("field", [Ball(sigma=400.0), Ball(sigma=8.0), Fog()])
def test_earlier_stops_evaluate_less(field, sampler):
    points = finished(
        sweep_of("early_stop_eps", sampler, field, replace(MARCH, alpha_thre=0.0, render_step_size=0.01))
    ).points
    for a, b in pairwise(points):
        assert a.value < b.value
        assert a.density_evaluations >= b.density_evaluations
        assert a.color_evaluations >= b.color_evaluations
    assert points[-1].evaluations < 0.9 * points[0].evaluations


@pytest.mark.parametrize("name", list(THRESHOLDS_OFF))
def test_the_point_off_is_the_reference_itself(name, sampler):
    points = finished(sweep_of(name, sampler, march=replace(MARCH, **THRESHOLDS_OFF))).points
    assert (points[0].value, points[0].psnr_vs_off) == (0.0, math.inf)
    assert points[-1].psnr_vs_off < 30.0


def test_a_sweep_in_slices_gives_the_same_points(sampler):
    march = replace(MARCH, render_step_size=0.01)
    whole = finished(sweep_of("early_stop_eps", sampler, Ball(), march, n_values=3))
    sliced = sweep_of("early_stop_eps", sampler, Ball(), march, n_values=3, repeats=2)
    sizes, shares, n_points = cycle([100, 7, 300]), [sliced.share], []
    while sliced.advance(next(sizes)):
        shares.append(sliced.share)
        n_points.append(len(sliced.curve.points))
    assert shares[0] == 0.0 and shares[-1] == 1.0
    assert all(0.0 < b - a <= 300 / 576 / 7 + 1e-9 for a, b in pairwise(shares))
    assert sorted(n_points) == n_points and {0, 1, 2} <= set(n_points)
    for a, b in zip(whole.points, sliced.curve.points, strict=True):
        assert (a.value, a.density_evaluations, a.color_evaluations) == (
            b.value, b.density_evaluations, b.color_evaluations,
        )  # fmt: skip
        assert a.psnr_vs_off == pytest.approx(b.psnr_vs_off, abs=1e-2)


def test_a_finished_sweep_stays_finished(sampler):
    sweep = sweep_of("alpha_thre", sampler, n_values=2)
    curve = finished(sweep)
    assert not sweep.advance()
    assert sweep.curve is curve
