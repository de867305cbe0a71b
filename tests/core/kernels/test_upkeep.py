"""Updating occupancy values: the largest density seen in each cell, folded in once."""

import pytest
import torch

from core.kernels.grid import geometry
from core.kernels.runtime.launch import using_threads
from core.kernels.upkeep import UNSEEN, fold, observe, points_in

BOX = (-1.0, -2.0, 0.0, 1.0, 2.0, 3.0)


def places(n, box, seed=0):
    low, high = torch.tensor(box[:3]), torch.tensor(box[3:])
    return low + torch.rand(n, 3, generator=torch.Generator().manual_seed(seed)) * (high - low)


@pytest.mark.parametrize("n", [0, 1, 40_000])
def test_each_cell_keeps_its_largest_value_whichever_thread_finds_it(n):
    shape = (1, 4, 5, 6)
    positions, sigmas = places(n, BOX), torch.rand(n, generator=torch.Generator().manual_seed(1))
    seen = torch.full(shape, UNSEEN)
    observe(geometry(BOX, shape), seen, positions, sigmas, 0.5)
    unit = (positions - torch.tensor(BOX[:3])) / torch.tensor([2.0, 4.0, 3.0])
    cells = (unit * torch.tensor(shape[1:])).long().unbind(1)
    expected = torch.full(shape[1:], UNSEEN)
    flat = (cells[0] * 5 + cells[1]) * 6 + cells[2]
    expected.view(-1).scatter_reduce_(0, flat, 0.5 * sigmas, "amax")
    assert torch.equal(seen[0], expected)


def test_a_position_belongs_to_the_finest_level_around_it_and_nan_is_ignored():
    seen = torch.full((2, 2, 2, 2), UNSEEN)
    positions = torch.tensor([[0.25, 0.25, 0.25], [1.5, 0.5, 0.5], [0.75, 0.75, 0.75]])
    sigmas = torch.tensor([3.0, 4.0, torch.nan])
    observe(geometry((0.0, 0.0, 0.0, 1.0, 1.0, 1.0), (2, 2, 2, 2)), seen, positions, sigmas, 1.0)
    expected = torch.full_like(seen, UNSEEN)
    expected[0, 0, 0, 0], expected[1, 1, 1, 1] = 3.0, 4.0  # the outer level spans -0.5 to 1.5
    assert torch.equal(seen, expected)


def test_a_fold_decays_observed_cells_only():
    seen = torch.tensor([UNSEEN, 0.1, 0.9, 0.3, torch.nan, torch.nan]).view(1, 1, 2, 3)
    occs = torch.tensor([0.5, 0.5, 0.5, -1.0, 0.5, -1.0]).view(1, 1, 2, 3)
    binaries, changed = torch.ones(1, 1, 2, 3, dtype=torch.bool), torch.zeros(1, 1, 2, 3, dtype=torch.int8)
    versions = [x._version for x in (occs, binaries, changed)]
    fold(seen, 0.8, occs, 0.45, binaries, changed)
    expected = torch.tensor([0.5, 0.4, 0.9, -1.0, torch.nan, -1.0])
    torch.testing.assert_close(occs.view(-1), expected, equal_nan=True)
    assert bool((seen == UNSEEN).all()), "observations count only once"
    assert binaries.view(-1).tolist() == [True, False, True, False, False, False]
    assert all(x._version > before for x, before in zip((occs, binaries, changed), versions, strict=True))


@pytest.mark.parametrize("occ_thre", [0.0, 0.3])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_fold_marks_occupied_cells_and_those_that_changed(occ_thre, threads):
    shape, random = (2, 20, 30, 41), torch.Generator().manual_seed(0)
    seen, occs, old = (torch.rand(shape, generator=random) for _ in range(3))
    occs[old > 0.8], seen[old < 0.3] = -1.0, UNSEEN
    binaries, changed = old > 0.5, torch.empty(shape, dtype=torch.int8)
    before, values = binaries.clone(), torch.where((seen >= 0.0) & (occs >= 0.0), torch.maximum(occs * 0.5, seen), occs)
    with using_threads(threads):
        fold(seen, 0.5, occs, occ_thre, binaries, changed)
    assert torch.equal(occs, values)
    assert torch.equal(binaries, values > occ_thre if occ_thre else values >= 0.0)
    assert torch.equal(changed, binaries.to(torch.int8) - before.to(torch.int8))


def test_points_lie_in_their_cells_at_the_given_fractions():
    shape = (3, 4, 5, 6)
    cells = torch.arange(3 * 4 * 5 * 6).repeat(3)
    shares = torch.rand(len(cells), 3, generator=torch.Generator().manual_seed(0))
    low, high = torch.tensor(BOX[:3]), torch.tensor(BOX[3:])
    expected = []
    for cell, share in zip(cells.tolist(), shares, strict=True):
        scale, at = 2.0 ** (cell // 120), torch.tensor([cell // 30 % 4, cell // 6 % 5, cell % 6])
        side = (high - low) * scale
        expected.append((low + high - side) / 2.0 + (at + share) / torch.tensor(shape[1:]) * side)
    torch.testing.assert_close(points_in(geometry(BOX, shape), cells, shares), torch.stack(expected))
    assert points_in(geometry(BOX, shape), cells[:0], shares[:0]).shape == (0, 3)


def test_densities_and_positions_may_be_columns_of_wider_matrices():
    grid, shape = geometry(BOX, (1, 4, 5, 6)), (1, 4, 5, 6)
    positions, known = torch.cat([places(100, BOX), torch.zeros(100, 1)], dim=1), torch.rand(100, 9)
    strided, expected = torch.full(shape, UNSEEN), torch.full(shape, UNSEEN)
    observe(grid, strided, positions[:, :3], known[:, 0], 0.5)
    observe(grid, expected, positions[:, :3].contiguous(), known[:, 0].contiguous(), 0.5)
    assert torch.equal(strided, expected)
