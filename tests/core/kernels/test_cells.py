"""The first occupied cell on a ray: closed forms for one cell, and agreement with a fine march."""

import torch

from core.kernels.cells import first_cells
from core.kernels.grid import GridState
from core.kernels.marching import March
from core.rays import Rays
from core.settings import MarchSettings
from tests.core.kernels.test_marching import BOX, grid, random_rays

UNIT = (0.0, 0.0, 0.0, 4.0, 4.0, 4.0)


def one_cell():
    binaries = torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    binaries[0, 2, 1, 3] = True
    return GridState(UNIT, binaries)


def test_the_face_a_ray_meets():
    rays = Rays(
        torch.tensor([[-1.0, 1.25, 3.5], [2.5, 9.0, 3.1], [2.5, 1.5, 3.5], [-1.0, 0.5, 0.5]]),
        torch.tensor([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0], [1.0, 0, 0]]),
    )
    hits = first_cells(one_cell(), rays)
    torch.testing.assert_close(hits.t, torch.tensor([3.0, 7.0, torch.inf, torch.inf]))
    torch.testing.assert_close(hits.normals[:2], torch.tensor([[-1.0, 0, 0], [0, 1.0, 0]]))
    torch.testing.assert_close(hits.edge[:2], torch.tensor([0.25, 0.1]))


def test_hits_lie_just_before_the_first_sample_of_a_fine_march():
    state, rays = grid(2, 0.2), random_rays(200)
    settings = MarchSettings(render_step_size=1e-3)
    samples = March(state, rays, settings).round(torch.arange(200, dtype=torch.int32), 1)
    first = torch.full((200,), torch.inf).index_copy(0, samples.ray_indices.long(), samples.t_starts)
    hits = first_cells(state, rays)
    agree = (hits.t - first).abs() < 2e-3
    both_miss = torch.isinf(hits.t) & torch.isinf(first)
    starts_inside = first < 2e-3
    assert (agree | both_miss | starts_inside).float().mean() > 0.98


def test_levels_are_shown_apart():
    state, rays = grid(2, 0.3), random_rays(300)
    whole, fine, coarse = (first_cells(state, rays, level) for level in (-1, 0, 1))
    assert (fine.levels[fine.t.isfinite()] == 0).all()
    assert (coarse.levels[coarse.t.isfinite()] == 1).all()
    assert (whole.t <= torch.minimum(fine.t, coarse.t) + 1e-5).float().mean() > 0.98


def test_nothing_occupied_and_no_rays():
    empty = GridState(BOX, torch.zeros(1, 4, 4, 4, dtype=torch.bool))
    assert first_cells(empty, random_rays(10)).t.isinf().all()
    assert first_cells(empty, Rays(torch.zeros(0, 3), torch.zeros(0, 3))).t.shape == (0,)
