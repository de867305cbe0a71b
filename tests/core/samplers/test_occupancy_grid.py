"""The occupancy grid: updates, thresholds, and exchange of its state with nerfacc's estimator."""

import pytest
import torch
from nerfacc import OccGridEstimator

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField, OccupancyGrid
from tests.scenes import BALL_RADIUS, BOX, Ball


def trained_grid(n_levels=1, resolution=16, updates=60):
    grid = OccupancyGrid(BOX, resolution, n_levels)
    grid.start(0.01, 0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(updates):
        grid.update(Ball(), 0.01, 0.01, 0.9, None, generator)
    return grid


def test_the_grid_finds_the_ball():
    grid = trained_grid()
    centers = (torch.stack(torch.meshgrid(*[torch.arange(16)] * 3, indexing="ij"), -1) + 0.5) / 8 - 1
    distance = torch.linalg.vector_norm(centers, dim=-1)
    half_diagonal = 3**0.5 / 16
    assert grid.binaries[0][distance < BALL_RADIUS - half_diagonal].all()
    assert not grid.binaries[0][distance > BALL_RADIUS + half_diagonal].any()


def test_partial_updates_find_it_too_and_outer_levels_are_updated():
    grid = OccupancyGrid(BOX, 16, 2)
    grid.start(0.01, 0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        grid.update(Ball(), 0.01, 0.01, 0.9, 2000, generator)
    assert 0.05 < grid.binaries[0].float().mean() < 0.2
    assert 0 < grid.binaries[1].float().mean() < grid.binaries[0].float().mean()


def test_counting_at_another_threshold_changes_nothing():
    grid = trained_grid()
    before = grid.occs.clone(), grid.binaries.clone()
    shares = [sum(grid.occupied(thre)) for thre in (0.0, 0.01, 0.2, 0.5)]
    assert shares == sorted(shares, reverse=True) and shares[1] > 0 and shares[-1] == 0
    assert torch.equal(grid.occs, before[0]) and torch.equal(grid.binaries, before[1])


def test_impossible_cells_are_never_evaluated_nor_occupied():
    possible = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    possible[0, 2:6, 2:6, 2:6] = True
    grid = OccupancyGrid(BOX, 8)
    grid.start(0.01, 0.9, possible)
    assert torch.equal(grid.binaries, possible)

    class Watched(Ball):
        def density(self, positions):
            assert (positions.abs() <= 0.5).all()
            return super().density(positions)

    generator = torch.Generator().manual_seed(0)
    for n_cells in (None, 40):
        grid.update(Watched(radius=9.0), 0.01, 0.01, 0.9, n_cells, generator)
    assert torch.equal(grid.binaries, possible)


@pytest.mark.parametrize("n_levels", [1, 3])
def test_states_are_interchangeable_with_nerfaccs_estimator(n_levels):
    ours = trained_grid(n_levels, resolution=8)
    theirs = OccGridEstimator(list(BOX), resolution=8, levels=n_levels)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(theirs.binaries, ours.binaries) and torch.equal(theirs.aabbs, ours.aabbs)

    theirs.train()
    theirs.update_every_n_steps(step=0, occ_eval_fn=lambda x: 0.02 * Ball().density(x)[0][:, None], n=1)
    back = OccupancyGrid(BOX, 8, n_levels)
    back.load_state_dict(theirs.state_dict())
    assert torch.equal(back.occs, theirs.occs) and torch.equal(back.binaries, theirs.binaries)


def test_changed_is_the_difference_made_by_an_update():
    grid = OccupancyGrid(BOX, 16, 2)
    grid.start(0.01, 0.5)
    generator = torch.Generator().manual_seed(0)
    fields = [Ball(radius=0.3)] * 12 + [Ball(radius=0.9)]
    directions = set()
    for field in fields:
        before = grid.binaries.clone()
        grid.update(field, 0.01, 0.01, 0.5, None, generator)
        assert torch.equal(grid.changed, grid.binaries.int() - before.int())
        directions |= set(grid.changed.unique().tolist())
    assert directions == {-1, 0, 1}


def test_changed_is_not_part_of_the_state():
    assert set(OccupancyGrid(BOX, 8).state_dict()) == {"resolution", "aabbs", "occs", "binaries"}


def test_first_cells_searches_any_set_of_cells():
    grid, rays = trained_grid(), Rays(torch.tensor([[-3.0, 0.05, 0.05]]), torch.tensor([[1.0, 0.0, 0.0]]))
    occupied = grid.first_cells(rays, MarchSettings())
    assert float(occupied.t) == pytest.approx(3.0 - BALL_RADIUS, abs=0.13)
    shown = torch.zeros_like(grid.binaries)
    shown[0, 15, 8, 8] = True
    assert float(grid.first_cells(rays, MarchSettings(), shown=shown).t) == pytest.approx(3.0 + 7 / 8)


def test_marches_update_the_grid_and_evaluations_with_gradient_do_not():
    class Counted(Ball):
        n = 0

        def density(self, positions):
            self.n += positions.shape[0]
            return super().density(positions)

    grid = OccupancyGrid(BOX, 16)
    grid.start(0.01, 0.5)
    field, march = Counted(sigma=60.0), MarchSettings(render_step_size=0.02)
    observed = ObservedField(field, grid, march.render_step_size)
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(3000, 3, generator=generator), dim=-1)
    targets = torch.rand(3000, 3, generator=generator) * 2 - 1
    rays = Rays(targets - 4.0 * directions, directions)
    for _ in range(40):
        OccupancySampler(grid).sample(observed, rays, march, generator, 8)
        marched = field.n
        grid.update(field, march.render_step_size, 0.01, 0.5, 2, generator)
        assert field.n <= marched + 2
    centers = (torch.stack(torch.meshgrid(*[torch.arange(16)] * 3, indexing="ij"), -1) + 0.5) / 8 - 1
    distance = torch.linalg.vector_norm(centers, dim=-1)
    margin = 3**0.5 / 16
    assert grid.binaries[0][(distance < BALL_RADIUS - margin)].all()
    assert grid.binaries[0][distance > BALL_RADIUS + margin].float().mean() < 0.02

    observed.density(torch.zeros(1, 3))
    assert int((grid.seen >= 0.0).sum()) == 0, "evaluations with gradient repeat the march's samples"
    with torch.no_grad():
        observed.density(torch.zeros(1, 3))
    assert int((grid.seen >= 0.0).sum()) == 1


def test_only_densities_are_evaluated_where_features_are_not_needed():
    class Alone(Ball):
        def density(self, positions):
            raise AssertionError("features must not be evaluated")

        def density_alone(self, positions):
            return Ball.density(self, positions)[0]

    grid, march = trained_grid(), MarchSettings(render_step_size=0.02)
    generator = torch.Generator().manual_seed(0)
    rays = Rays(torch.tensor([[-3.0, 0.05, 0.05]]), torch.tensor([[1.0, 0.0, 0.0]]))
    for field in (Alone(), Ball()):
        sampled = OccupancySampler(grid).sample(ObservedField(field, grid, 0.02), rays, march, generator, 8)
        assert sampled.features.shape == (sampled.samples.n_samples, 0) and float(sampled.sigmas.max()) == 30.0
    assert OccupancySampler(grid).sample(Ball(), rays, march, generator, 8).features.shape == (
        sampled.samples.n_samples,
        3,
    )
    grid.update(Alone(), 0.02, 0.01, 0.9, 100, generator)


@pytest.mark.parametrize("n_levels", [1, 3])
def test_marches_use_the_cells_of_the_last_update(n_levels):
    grid = OccupancyGrid(BOX, 16, n_levels)
    grid.start(0.01, 0.9)
    march, generator = MarchSettings(render_step_size=0.02), torch.Generator().manual_seed(0)
    assert bool(grid.grid_state(march.occ_thre).binaries.all())
    for _ in range(60):
        grid.update(Ball(), 0.01, march.occ_thre, 0.9, None, generator)
        assert torch.equal(grid.grid_state(march.occ_thre).binaries, grid.binaries)
    assert max(grid.occupied(march.occ_thre)) < 0.3
    for _ in range(60):
        grid.update(Ball(sigma=0.0), 0.01, march.occ_thre, 0.5, None, generator)
    assert not bool(grid.binaries.any()), "also a level's cells inside a finer level"
