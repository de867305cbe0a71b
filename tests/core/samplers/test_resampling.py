"""Inverse transform sampling against its density, and the properties of spacings."""

import math
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.config.presets import endless
from core.fields.domain import in_unit_cube
from core.geometry.placement import NdcFrame
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.samplers.intervals import hits_of, ray_ends
from core.samplers.resampling import Spacing, by_ray, even_edges, one_in_each, quantiles, spacing_in
from tests.scenes import BOX

CPU = torch.device("cpu")
EDGES = torch.tensor([[0.0, 0.5, 0.7, 2.0, 2.1, 4.0]])
WEIGHTS = torch.tensor([[0.1, 3.0, 0.0, 2.0, 0.4]])
KOLMOGOROV = 1.63
"""Draws from the density itself exceed this, divided by the square root of their number, in 1 % of cases."""


def cumulative_share(draws):
    """The cumulative distribution at each draw, summed bin by bin."""
    total = torch.zeros_like(draws)
    for low, high, weight in zip(EDGES[0, :-1], EDGES[0, 1:], WEIGHTS[0], strict=True):
        total += weight * ((draws - low) / (high - low)).clamp(0.0, 1.0)
    return total / WEIGHTS.sum()


def kolmogorov_distance(draws):
    """The Kolmogorov-Smirnov distance between draws and their density."""
    n, shares = len(draws), cumulative_share(draws.sort().values)
    ranks = torch.arange(n + 1) / n
    return float(torch.maximum(ranks[1:] - shares, shares - ranks[:-1]).max())


def test_independent_draws_follow_the_density():
    draws = quantiles(EDGES, WEIGHTS, torch.rand(1, 20_000, generator=torch.Generator().manual_seed(0)))[0]
    assert kolmogorov_distance(draws) < KOLMOGOROV / math.sqrt(len(draws))
    assert kolmogorov_distance(0.99 * draws) > KOLMOGOROV / math.sqrt(len(draws)), "the test must detect wrong draws"


def test_stratified_draws_follow_it_too_and_more_closely():
    n_rays, n = 800, 16
    shares = one_in_each(n_rays, n, torch.Generator().manual_seed(0), CPU)
    draws = quantiles(EDGES.expand(n_rays, -1), WEIGHTS.expand(n_rays, -1), shares)
    assert kolmogorov_distance(draws.reshape(-1)) < 0.5 * KOLMOGOROV / math.sqrt(n_rays * n)
    assert all(((cumulative_share(ray) * n).floor() - torch.arange(n)).abs().max() <= 1 for ray in draws[:20])


def test_without_a_generator_draws_are_the_midpoints_of_equal_probabilities():
    draws = quantiles(EDGES, WEIGHTS, one_in_each(1, 40, None, CPU))
    torch.testing.assert_close(cumulative_share(draws[0]), (torch.arange(40) + 0.5) / 40)


def test_nothing_is_drawn_from_bins_without_weight():
    draws = quantiles(EDGES, WEIGHTS, torch.linspace(0.0, 1.0, 1001)[None])
    assert not bool(((draws > 0.7001) & (draws < 1.9999)).any())
    assert (float(draws[0, 0]), float(draws[0, -1])) == (0.0, 4.0)
    behind = quantiles(EDGES, torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]]), torch.linspace(0.0, 0.9, 10)[None])
    torch.testing.assert_close(behind[0], torch.linspace(0.7, 1.87, 10))


def test_rays_that_miss_keep_nan_edges():
    edges = torch.cat([EDGES, torch.full_like(EDGES, torch.nan), EDGES + 1.0])
    draws = quantiles(edges, WEIGHTS.expand(3, -1), one_in_each(3, 8, None, CPU))
    assert draws.isnan().any(1).tolist() == [False, True, False] and bool(draws[1].isnan().all())
    torch.testing.assert_close(draws[2], draws[0] + 1.0)


def test_values_are_arranged_by_ray_with_zeros_elsewhere():
    hits = hits_of(torch.tensor([[math.nan], [0.0], [math.nan], [1.0]]))
    spread = by_ray(torch.tensor([1.0, 2.0, 3.0, 4.0]), hits, 2)
    assert spread.tolist() == [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]
    assert by_ray(torch.empty(0), hits_of(torch.tensor([[math.nan]])), 2).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("even_to", [0.5, 4.0, math.inf])
def test_stretching_inverts_squashing(even_to):
    t, spacing = torch.linspace(0.0, 40.0, 2001), Spacing(even_to)
    squashed = spacing.squashed(t)
    assert bool((squashed.diff() > 0.0).all()) and float(squashed[-1]) <= 2.0 * even_to
    torch.testing.assert_close(spacing.stretched(squashed), t, rtol=1e-4, atol=1e-6)
    assert bool(spacing.stretched(spacing.squashed(torch.tensor([torch.nan]))).isnan())


def test_bins_are_equal_in_the_box_and_linear_in_disparity_behind_it():
    spacing = spacing_in(Space(BOX, "max"))
    assert spacing.even_to == pytest.approx(math.sqrt(12.0)) and spacing_in(Space(BOX)).even_to == math.inf
    t = spacing.stretched(even_edges(torch.tensor([1.0]), torch.tensor([60.0]), 200, spacing, None)[0])
    assert (float(t[0]), float(t[-1])) == (1.0, pytest.approx(60.0, rel=1e-4))
    near, far = t[t < spacing.even_to], t[t > spacing.even_to]
    torch.testing.assert_close(near.diff(), near.diff()[:1].expand(len(near) - 1), rtol=1e-3, atol=0.0)
    disparities = -(1.0 / far).diff()
    torch.testing.assert_close(disparities, disparities[:1].expand(len(far) - 1), rtol=2e-2, atol=0.0)
    assert len(near) > 50 and len(far) > 50


def test_only_unbounded_rays_are_not_clipped_to_the_box():
    frame = NdcFrame((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0 / 0.3))
    spaces = Space(BOX), Space(BOX, "max"), Space(BOX, "sphere"), Space(BOX, "ndc", frame)
    assert [spacing_in(space).bounds(BOX) == BOX for space in spaces] == [True, True, False, False]
    assert spacing_in(spaces[3]).even_to == pytest.approx(0.3), "linear in disparity from the near plane on"
    rays = Rays(torch.tensor([[5.0, 5.0, 0.0]]).repeat(2, 1), torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.0, -0.8]]))
    march = MarchSettings(near_plane=0.5, far_plane=endless(BOX))
    t_mins, t_maxs = ray_ends(rays, spacing_in(spaces[2]).bounds(BOX), march)
    assert t_mins.tolist() == [0.5, 0.5] and t_maxs.tolist() == [endless(BOX)] * 2
    assert bool(ray_ends(rays, BOX, march)[0].isnan().all()), "they miss the box"
    cropped = ray_ends(rays, spacing_in(spaces[2]).bounds(BOX), replace(march, crop=(6.0, 4.0, -1.0, 9.0, 6.0, 1.0)))
    torch.testing.assert_close(torch.stack(cropped), torch.tensor([[1.0, torch.nan], [4.0, torch.nan]]), equal_nan=True)


@pytest.mark.parametrize("even_to", [0.01, 1.0])
def test_bins_up_to_the_end_of_unbounded_rays_are_distinct(even_to):
    spacing = Spacing(even_to, True)
    edges = even_edges(torch.tensor([0.005]), torch.tensor([endless(BOX)]), 512, spacing, None)
    t = spacing.stretched(edges)[0]
    assert bool((t.diff() > 0.0).all()) and float(t[-1]) == pytest.approx(endless(BOX), rel=0.5)
    shares = in_unit_cube(torch.tensor([[float(t[-1]), 0.0, 0.0], [1e12, 0.0, 0.0]]), Space(BOX, "sphere"))
    assert float(shares.diff(dim=0).abs().max()) < 1e-4, "positions there are indistinguishable from infinity"


@pytest.mark.parametrize(("even_to", "far"), [(1e-3, 35_000.0), (1e-6, 35_000.0), (3.5, 1e9)])
def test_no_edge_is_at_infinity(even_to, far):
    spacing = Spacing(even_to, True)
    t = spacing.stretched(even_edges(torch.tensor([1e-7]), torch.tensor([far]), 64, spacing, None))
    assert bool(t.isfinite().all()) and bool((t.diff() > 0.0).all())
