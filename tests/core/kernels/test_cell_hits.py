"""Cells that rays hit: closed forms for one cell, and twins for many."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.kernels.cell_hits import cells_on_plane, first_cells
from core.kernels.grid import GridState
from tests.core.kernels import twins
from tests.core.kernels.test_marching import BOX, grid, random_rays

UNIT = (0.0, 0.0, 0.0, 4.0, 4.0, 4.0)
MARCH = MarchSettings()
BOUNDS = [
    {},
    {"near_plane": 1.7},
    {"far_plane": 1.9},
    {"crop": (-0.53, -0.21, -0.32, 0.44, 0.55, 0.23)},
    {"crop": (-0.53, -0.21, -0.32, 0.44, 0.55, 0.23), "near_plane": 1.9, "far_plane": 2.2},
    {"crop": (5.0, 5.0, 5.0, 6.0, 6.0, 6.0)},
]


def one_cell():
    binaries = torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    binaries[0, 2, 1, 3] = True
    return GridState(UNIT, binaries)


def assert_hits(hits, expected, shape, slack=0.0):
    """Equal cells at equal distances, but for a share of rays that hit cells where these touch."""
    n_wrong = 0
    for t, level, index, (their_t, their_cell) in zip(
        hits.t.tolist(), hits.levels.tolist(), hits.cells.tolist(), expected, strict=True
    ):
        if their_cell is None or index < 0:
            n_wrong += their_cell is not None or index >= 0 or t != torch.inf
            continue
        place = [int(i) for i in torch.unravel_index(torch.tensor(index), shape)]
        n_wrong += place[0] != level or tuple(place) != their_cell or abs(t - their_t) > 1e-4
    assert n_wrong <= slack * len(expected), f"{n_wrong} of {len(expected)} rays differ"


def test_the_face_a_ray_hits():
    rays = Rays(
        torch.tensor([[-1.0, 1.25, 3.5], [2.5, 9.0, 3.1], [2.5, 1.5, 3.5], [-1.0, 0.5, 0.5]]),
        torch.tensor([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0], [1.0, 0, 0]]),
    )
    hits = first_cells(one_cell(), rays, MARCH)
    torch.testing.assert_close(hits.t, torch.tensor([3.0, 7.0, torch.inf, torch.inf]))
    assert hits.axes.tolist() == [0, 1, -1, -1]
    torch.testing.assert_close(hits.edge[:2], torch.tensor([0.25, 0.1]))
    assert hits.cells.tolist() == [(2 * 4 + 1) * 4 + 3] * 2 + [-1, -1]


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.parametrize("change", BOUNDS)
def test_first_cells_equal_the_twins(n_levels, change):
    state, rays, settings = grid(n_levels, 0.2), random_rays(60), replace(MARCH, **change)
    for level in range(-1, n_levels):
        hits = first_cells(state, rays, settings, level)
        expected = twins.first_cells(*rays[:2], BOX, state.binaries, settings, level)
        assert_hits(hits, expected, state.binaries.shape, 0.02)


@pytest.mark.parametrize("resolution", [4, 6, 7, 16])
def test_empty_space_is_crossed_to_the_first_cell_at_any_resolution(resolution):
    state, rays = grid(2, 0.005, resolution=resolution), random_rays(60)
    assert_hits(
        first_cells(state, rays, MARCH), twins.first_cells(*rays[:2], BOX, state.binaries, MARCH), state.binaries.shape
    )


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("change", BOUNDS)
def test_cells_on_a_plane_equal_the_twins(axis, change):
    state, rays, settings = grid(2, 0.2), random_rays(60), replace(MARCH, **change)
    share, outer = 0.37, state.outer_box()
    place = outer[axis] + share * (outer[axis + 3] - outer[axis])
    hits = cells_on_plane(state, rays, settings, axis, share)
    expected = twins.cells_on_plane(*rays[:2], BOX, 2, state.binaries.shape[1:], settings, axis, place)
    assert_hits(hits, expected, state.binaries.shape, 0.02)
    met = hits.cells >= 0
    assert (hits.axes == torch.where(met, axis, -1)).all()


def test_a_crop_box_cuts_a_cell_open():
    """The cell spans x from 2 to 3; cropped at 2.3, its face is there."""
    rays = Rays(torch.tensor([[-1.0, 1.25, 3.5]]), torch.tensor([[1.0, 0, 0]]))
    hits = first_cells(one_cell(), rays, replace(MARCH, crop=(2.3, 0.0, 0.0, 4.0, 4.0, 4.0)))
    torch.testing.assert_close(hits.t, torch.tensor([3.3]))
    assert int(hits.axes) == 0


def test_a_plane_may_lie_on_either_side_of_the_grid():
    rays = Rays(torch.tensor([[-1.0, 1.3, 3.6]]), torch.tensor([[1.0, 0, 0]]))
    low, high = (cells_on_plane(one_cell(), rays, MARCH, 0, share) for share in (0.0, 1.0))
    torch.testing.assert_close(torch.cat([low.t, high.t]), torch.tensor([1.0, 5.0]))
    torch.testing.assert_close(low.edge, torch.tensor([0.3]))
    assert [int(low.cells), int(high.cells)] == [(0 * 4 + 1) * 4 + 3, (3 * 4 + 1) * 4 + 3]


def test_a_ray_along_a_plane_misses_it():
    rays = Rays(torch.tensor([[-1.0, 1.0, 3.6], [-1.0, 1.2, 3.6]]), torch.tensor([[1.0, 0, 0], [1.0, 0, 0]]))
    assert cells_on_plane(one_cell(), rays, MARCH, 1, 0.25).t.isinf().all()


def test_an_empty_grid_and_no_rays():
    empty, nothing = (
        GridState(BOX, torch.zeros(1, 4, 4, 4, dtype=torch.bool)),
        Rays(torch.zeros(0, 3), torch.zeros(0, 3)),
    )
    assert first_cells(empty, random_rays(10), MARCH).t.isinf().all()
    assert first_cells(empty, nothing, MARCH).t.shape == (0,)
    assert cells_on_plane(empty, nothing, MARCH, 0, 0.5).t.shape == (0,)


def test_rays_from_so_far_that_cells_are_below_rounding_still_cross_the_grid():
    rays, state = random_rays(500), grid(2, 0.01, resolution=64)
    for distance in (1e4, 1e6):
        far = rays._replace(rays_o=rays.rays_o - distance * rays.rays_d)
        hits = first_cells(state, far, replace(MARCH, far_plane=1e9))
        met = hits.cells >= 0
        assert met.any() and not met.all()
        assert (hits.t[met] > 0.9 * distance).all()
