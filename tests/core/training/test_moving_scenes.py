"""Moving scenes on the one path: the grid, the choice of the field, and that it learns what a static one can't."""

from dataclasses import asdict, replace

import pytest
import torch

from core.config.march import MarchSettings
from core.datasets.dataset import Views
from core.fields import FIELDS
from core.fields.base import Conditions, Field
from core.fields.ngp import NGPSettings
from core.fields.ngp_t import NGPTimeSettings
from core.fields.t_nerf import TNeRFSettings
from core.geometry.cameras import Camera
from core.kernels.camera_rays import generate_rays
from core.kernels.marching import midpoints
from core.rendering.metrics import evaluate
from core.rendering.render import render_image
from core.samplers import SAMPLERS
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField, OccupancyGrid
from core.training.build import Overrides, new_trainer
from core.training.methods import method_settings
from core.training.trainer import Trainer
from tests.ball import ball_views
from tests.scenes import BOX, SMALL_FIELD, SMALL_TRAINING, ball_dataset, camera

MARCH = MarchSettings(render_step_size=0.05)


class Shuttle(Field):
    """A ball that moves from x = -0.5 at time 0 to x = 0.5 at time 1."""

    dynamic = True

    def density(self, positions):
        assert positions.shape[1] == 4 and bool(((positions[:, 3] >= 0.0) & (positions[:, 3] <= 1.0)).all())
        center = torch.stack([positions[:, 3] - 0.5, *torch.zeros(2, len(positions))], dim=1)
        return 50.0 * ((positions[:, :3] - center).norm(dim=1) < 0.3).float(), positions

    def color(self, features, directions):
        return torch.tensor([0.2, 0.4, 0.8]).expand(len(features), 3)


def shuttles_grid():
    grid, generator = OccupancyGrid(BOX, 16), torch.Generator().manual_seed(0)
    grid.start(0.01, 0.9)
    for _ in range(60):
        grid.update(Shuttle(), 0.05, 0.01, 0.9, None, generator)
    return grid


def shuttling_balls():
    """60 training and 4 test views of a ball that moves from x = -0.4 at time 0 to x = 0.4 at time 1."""

    def views(n, seed):
        times = (torch.arange(n) + 0.5) / n
        balls = [ball_views(1, 32, seed + i, (0.8 * float(t) - 0.4, 0.0, 0.0), 0.4) for i, t in enumerate(times)]
        poses, K = (torch.cat([getattr(ball.cameras, name) for ball in balls]) for name in ("c2w", "K"))
        cameras = Camera(poses, K, 32, 32, times=times)
        return Views(cameras, torch.cat([ball.images for ball in balls]), tuple(map(str, range(n))))

    return replace(ball_dataset(), train=views(60, 0), test=views(4, 100))


def moving(dataset):
    """The dataset with its views at times from 0 to 1."""

    def timed(views):
        return replace(views, cameras=replace(views.cameras, times=torch.linspace(0.0, 1.0, len(views))))

    return replace(dataset, train=timed(dataset.train), test=timed(dataset.test))


def test_a_cell_is_occupied_if_it_holds_something_at_any_time():
    occupied = shuttles_grid().binaries[0]
    centers = (torch.stack(torch.meshgrid(*[torch.arange(16)] * 3, indexing="ij"), -1) + 0.5) / 8 - 1
    along = centers[..., 0].clamp(-0.5, 0.5)
    away = (centers - torch.stack([along, *torch.zeros(2, *along.shape)], dim=-1)).norm(dim=-1)
    half_diagonal = 3**0.5 / 16
    assert occupied[away < 0.3 - half_diagonal].all()
    assert not occupied[away > 0.3 + half_diagonal].any()


def test_rays_see_the_scene_at_their_own_time_through_that_grid():
    sampler, sides = OccupancySampler(shuttles_grid()), []
    for time in (0.0, 1.0):
        view = camera(angle=-1.5707963, height=0.0, time=time)  # from -y: x points right
        opacities = render_image(Shuttle(), sampler, view, MARCH, torch.ones(3)).opacities
        sides.append((float(opacities[:, :16].sum()), float(opacities[:, 16:].sum())))
    (left, rest), (other, right) = sides
    assert min(left, right) > 20.0 * max(rest, other, 1.0)


def test_densities_met_by_marches_update_the_grid_at_any_time():
    grid = OccupancyGrid(BOX, 16)
    grid.start(0.01, 0.9)
    observed = ObservedField(Shuttle(), grid, 0.05)
    with torch.no_grad():
        for time in (0.0, 1.0):
            rays = generate_rays(camera(time=time))
            observed.density(midpoints(rays, OccupancySampler(grid).sample(Shuttle(), rays, MARCH, None, 8).samples)[0])
    seen = (grid.seen[0] > 0.0).any(2).any(1)  # along x
    assert seen[:7].any() and seen[9:].any() and not seen[7:9].any()


def test_a_moving_scene_gets_a_field_with_time_unless_overridden():
    still, moved = ball_dataset(), moving(ball_dataset())
    assert type(new_trainer(still, "cpu", 0).field_settings) is NGPSettings
    trainer = new_trainer(moved, "cpu", 0)
    assert type(trainer.field_settings) is NGPTimeSettings
    assert trainer.settings.grid_decay > new_trainer(still, "cpu", 0).settings.grid_decay
    for name, kind in (("ngp", NGPSettings), ("tnerf", TNeRFSettings)):
        assert type(new_trainer(moved, "cpu", 0, Overrides(method={"field": name})).field_settings) is kind


def test_training_views_and_test_views_are_seen_at_their_times():
    dataset = moving(ball_dataset())
    batch = dataset.train.sample(64, torch.Generator().manual_seed(0), torch.tensor([5]))
    torch.testing.assert_close(batch.rays.times, torch.full((64,), 5 / 11))
    assert float(generate_rays(dataset.test.cameras[1], 0, 1).times) == 0.5
    assert generate_rays(ball_dataset().test.cameras[1]).times is None


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("field", [name for name, kind in FIELDS.items() if kind.dynamic])
def test_every_sampler_works_with_fields_with_time(field, sampler):
    network = {"depth": 2, "width": 16, "skip": 0} if field == "tnerf" else {"n_levels": 2, "log2_hashmap_size": 10}
    training = {"target_samples": 512, "grid_resolution": 16}
    method = {"field": field, "sampler": sampler}
    trainer = new_trainer(moving(ball_dataset()), "cpu", 0, Overrides({}, training, network, {}, method))
    losses = [trainer.step().loss for _ in range(3)]
    assert trainer.field.dynamic and bool(torch.tensor(losses).isfinite().all())
    view = trainer.dataset.test.cameras[1]
    out = render_image(trainer.field, trainer.sampler, view, trainer.settings.march, torch.ones(3))
    assert bool(out.colors.isfinite().all())


def test_a_field_with_time_learns_what_a_static_one_blurs():
    dataset = shuttling_balls()
    settings = replace(SMALL_TRAINING, horizon_steps=100, target_samples=4096, grid_decay=0.6, grid_update_every=4)
    figures = []
    for chosen in ("ngp-t", "ngp"):
        field, sampler, train = method_settings(chosen, "occupancy", Conditions("cpu"), settings, asdict(SMALL_FIELD))
        trainer = Trainer(dataset, field, train, sampler_settings=sampler)
        for _ in range(100):
            trainer.step()
        march, white = trainer.settings.march, torch.ones(3)
        figures.append(evaluate(trainer.field, trainer.sampler, dataset.test, march, white).psnr)
    assert figures[0] > figures[1] + 1.0


@pytest.mark.parametrize("name", ["ngp-t", "tnerf"])
def test_a_scene_without_times_can_have_a_field_with_time(name):
    network = {"tnerf": {"depth": 2, "width": 16, "skip": 0}, "ngp-t": {"log2_hashmap_size": 10}}[name]
    training = {"target_samples": 512, "grid_resolution": 16, "grid_update_every": 2}
    trainer = new_trainer(ball_dataset(), "cpu", 0, Overrides({}, training, network, {}, {"field": name}))
    for _ in range(4):
        assert trainer.step().n_samples > 0
