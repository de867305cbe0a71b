"""Training: it learns, is reproducible, keeps its batch size and detects a collapse."""

import statistics
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.config.training import TrainSettings
from core.errors import CollapseKind, TrainingCollapsed
from core.fields.own_class import OwnSettings
from core.rendering.metrics import evaluate, psnr
from core.rendering.render import render_image, trace_rays
from core.samplers.occupancy import OccupancySettings
from core.samplers.proposal import ProposalSettings
from core.training.schedule import entropy_share, learning_rate
from core.training.trainer import Trainer
from tests.ball import CENTRE, RADIUS, mixed_ball_views
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset


def make(seed=0, **changes):
    return Trainer(ball_dataset(), SMALL_FIELD, replace(SMALL_TRAINING, **changes), seed=seed)


def test_it_learns_the_ball():
    trainer = make()
    views, white = trainer.dataset.test, torch.ones(3)
    cameras = [views.cameras[i] for i in range(len(views))]

    def held_out_psnr():
        marched = trainer.field, trainer.sampler
        pictures = [render_image(*marched, camera, trainer.settings.march, white).colors for camera in cameras]
        return statistics.mean(psnr(picture, views.photo(i, white)) for i, picture in enumerate(pictures))

    before = held_out_psnr()
    for _ in range(200):
        stats = trainer.step()
    assert held_out_psnr() > max(14.2, before + 2.7)
    assert stats.step == trainer.step_count == 200
    assert 0.5 * 2048 < stats.n_samples < 2 * 2048  # the batch size targets a number of kept samples


def test_it_learns_from_several_sizes_behind_masks():
    """Masked pixels have another colour than the ball, and it must not be learnt."""
    generator, plain = torch.Generator().manual_seed(0), ball_dataset()
    train = mixed_ball_views(12, sizes=((32, 32), (48, 24)))
    used = torch.rand(train.images.shape[:-1], generator=generator) < 0.7
    painted = torch.where(used[..., None], train.images, torch.tensor([0, 255, 0, 255], dtype=torch.uint8))
    low, high = (tuple(c + sign * 1.2 * RADIUS for c in CENTRE) for sign in (-1, 1))
    dataset = replace(plain, train=replace(train, images=painted, used=used), test=train, box=(*low, *high))
    trainer = Trainer(dataset, SMALL_FIELD, SMALL_TRAINING)
    for _ in range(120):
        trainer.step()
    march, white = trainer.settings.march, torch.ones(3)
    assert evaluate(trainer.field, trainer.sampler, train, march, white).psnr > 20.0


def test_the_same_seed_gives_the_same_losses():
    runs = []
    for seed in (1, 1, 2):
        trainer = make(seed)
        runs.append([trainer.step().loss for _ in range(20)])
    assert runs[0] == runs[1] != runs[2]


def test_a_fraction_shrinks_the_batch():
    assert make(target_samples=1 << 14).step(0.25).n_rays < 0.5 * make(target_samples=1 << 14).step().n_rays


def test_silhouettes_mark_empty_cells_before_the_first_step():
    trainer = make()
    assert 0.1 < float(trainer.grid.binaries.float().mean()) < 0.6
    assert (trainer.grid.occs == -1).any()


def test_silhouettes_of_a_moving_scene_mark_nothing():
    dataset = ball_dataset()
    cameras = replace(dataset.train.cameras, times=torch.linspace(0.0, 1.0, len(dataset.train)))
    moving = replace(dataset, train=replace(dataset.train, cameras=cameras))
    assert Trainer(moving, SMALL_FIELD, SMALL_TRAINING).grid.binaries.all()


def test_changed_thresholds_take_effect_at_the_next_step():
    trainer = make()
    trainer.step()
    trainer.set_march(replace(trainer.settings.march, far_plane=0.01))
    assert trainer.step().n_samples == 0


@pytest.fixture
def seen(monkeypatch):
    """The indices of the training views that steps have drawn from since the set was last cleared."""
    seen, places = set(), ball_dataset().train.cameras.c2w[:, :3, 3]

    def watched(field, sampler, rays, *rest, **options):
        seen.update(torch.cdist(rays.rays_o, places).argmin(1).tolist())
        return trace_rays(field, sampler, rays, *rest, **options)

    monkeypatch.setattr("core.training.gradients.trace_rays", watched)
    return seen


def test_an_excluded_view_is_not_sampled_again_until_it_is_included(seen):
    trainer = make()
    everything = set(range(12))
    for excluded in (set(), {3}, {0, 3, 11}, everything - {7}, set()):
        trainer.exclude(frozenset(excluded))
        seen.clear()
        for _ in range(5):
            trainer.step()
        assert trainer.excluded == excluded
        assert seen == everything - excluded


@pytest.mark.parametrize(("excluded", "message"), [(set(range(12)), "at least one view"), ({12}, "0 to 11")])
def test_impossible_exclusions_are_refused_and_change_nothing(seen, excluded, message):
    trainer = make()
    trainer.exclude(frozenset({3}))
    with pytest.raises(ValueError, match=message):
        trainer.exclude(frozenset(excluded))
    trainer.step()
    assert trainer.excluded == {3} == set(range(12)) - seen


def test_excluding_and_including_again_leaves_no_trace():
    trainer, other = make(), make()
    trainer.exclude(frozenset({1, 2}))
    trainer.exclude(frozenset())
    assert [trainer.step().loss for _ in range(5)] == [other.step().loss for _ in range(5)]


def test_the_silhouette_of_a_view_excluded_from_the_start_carves_nothing():
    dataset = ball_dataset()
    dataset.train.images[4] = 0
    trainers = [Trainer(dataset, SMALL_FIELD, SMALL_TRAINING, excluded=frozenset(e)) for e in ({4}, ())]
    without, blank = (int((trainer.grid.occs >= 0.0).sum()) for trainer in trainers)
    assert without > 2 * blank


@pytest.mark.parametrize("poisoned", ["color_layers.0", "density_layers.1", "table"])
def test_a_non_finite_loss_stops_training_and_leaves_the_weights_unchanged(poisoned):
    trainer = make()
    trainer.step()
    with torch.no_grad():  # not through `.data`: that would not raise the tensor's version
        trainer.learning_field.get_parameter(poisoned).fill_(torch.nan)
    before = {name: value.clone() for name, value in trainer.learning_field.state_dict().items()}
    with pytest.raises(TrainingCollapsed, match="since step 2: a lower learning rate helps") as collapse:
        trainer.step()
    assert (collapse.value.kind, collapse.value.since) == (CollapseKind.NOT_FINITE, 2)
    for name, value in trainer.learning_field.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0, equal_nan=True)


def test_a_non_finite_gradient_stops_training_even_if_the_loss_is_finite():
    trainer = make()
    trainer.learning_field.table.register_hook(lambda grad: grad * torch.inf)
    with pytest.raises(TrainingCollapsed, match="gradient"):
        trainer.step()
    assert trainer.learning_field.table.isfinite().all()


def test_an_empty_grid_stops_training():
    trainer = make(grid_update_every=1, grid_decay=0.1, march=MarchSettings(render_step_size=0.04, occ_thre=0.99))
    with pytest.raises(TrainingCollapsed, match="occupancy threshold") as collapse:
        for _ in range(100):
            trainer.step()
    assert collapse.value.kind is CollapseKind.EMPTY_GRID
    assert 1 <= collapse.value.since <= trainer.step_count


def test_nerfaccs_rule_keeps_the_cells_above_the_mean_where_a_fixed_threshold_empties_the_grid():
    high = MarchSettings(render_step_size=0.04, occ_thre=0.99)
    trainer = make(grid_update_every=1, grid_decay=0.1, march=high, occ_thre_rule="at-most-the-mean")
    for _ in range(10):
        trainer.step()
    occs = trainer.grid.occs
    mean = float(occs[occs >= 0.0].mean())
    assert 0.0 < mean < 0.99 and trainer.settings.march == high
    assert trainer.effective_march == replace(high, occ_thre=mean)
    assert torch.equal(trainer.grid.binaries.view(-1), occs > mean)


@pytest.mark.parametrize("horizon", [{"horizon_steps": 1000}, {"horizon_seconds": 10.0}, {}])
def test_the_learning_rate_warms_up_and_decays(horizon):
    settings = replace(TrainSettings(learning_rate=1.0, warmup_steps=10, decay_steps=100), **horizon)
    rates = [learning_rate(settings, step, step / 100) for step in range(1001)]
    peak = max(range(1001), key=rates.__getitem__)
    assert 0 < rates[0] < 0.2 and 5 <= peak <= 15
    assert not horizon or rates[499] == rates[20] > rates[700]
    assert all(b <= a for a, b in zip(rates[peak:], rates[peak + 1 :], strict=False))
    assert rates[-1] == pytest.approx(1 / 10 if horizon else 1 / 11, rel=0.01)


def test_slices_make_a_step_of_the_batch_that_the_training_so_far_calls_for():
    trainer = make(target_samples=1 << 15)
    for step, n_slices in ((100, 3), (1000, 8)):  # a third of a batch, then a whole one
        trainer.step_count = step
        stats = [trainer.step(0.125) for _ in range(n_slices)]
        assert [s.stepped for s in stats] == [False] * (n_slices - 1) + [True]
        assert [s.step for s in stats] == [step] * (n_slices - 1) + [step + 1]
    assert trainer.step().stepped


def test_a_smaller_batch_lowers_the_learning_rate():
    settings = TrainSettings(learning_rate=1.0, warmup_steps=10)
    assert learning_rate(settings, 100, 0.0, 0.25) == pytest.approx(0.5 * learning_rate(settings, 100, 0.0))


def test_the_learning_rate_stays_up_early_whatever_the_horizon():
    settings = TrainSettings(learning_rate=1.0, warmup_steps=10, horizon_seconds=6.0)
    assert [learning_rate(settings, step, step / 25) for step in (20, 100, 150)] == [1.0] * 3
    assert learning_rate(replace(settings, horizon_seconds=40.0), 1000, 40.0) == pytest.approx(0.1)


def test_entropy_counts_in_full_once_a_field_is_no_longer_young():
    settings = TrainSettings(weight_entropy=0.01)
    shares = [entropy_share(settings, step) for step in (0, 100, 200, 5000)]
    assert shares == pytest.approx([0.0, 0.005, 0.01, 0.01]) and entropy_share(TrainSettings(), 300) == 0.0


def test_a_share_of_entropy_thins_fog():
    spread, black = [], torch.zeros(3)
    for entropy in (0.0, 0.05):
        trainer = make(weight_entropy=entropy)
        for _ in range(60):
            trainer.step()
        rays = trainer.dataset.train.sample(1000, torch.Generator().manual_seed(1)).rays
        with torch.no_grad():
            weights = trace_rays(trainer.field, trainer.sampler, rays, trainer.settings.march, black).weights
        spread.append(-float((weights * torch.log(weights + 1e-9)).sum()))
    assert spread[1] < 0.8 * spread[0]


def test_marches_use_the_weights_of_the_last_step():
    trainer = make()
    for _ in range(3):
        trainer.step()
        positions = torch.rand(200, 3) - 0.5
        learnt = trainer.learning_field.density(positions)[0].detach()
        with torch.no_grad():
            marched = trainer.learning_field.density(positions)[0]
        torch.testing.assert_close(marched, learnt, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("sampler", [OccupancySettings(), ProposalSettings()])
def test_a_rehearsal_changes_nothing(sampler):
    trainer = Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING, sampler_settings=sampler)
    for _ in range(3):
        trainer.step()
    parts = [x for x in (trainer.learning_field, trainer.grid, trainer.sampler) if isinstance(x, torch.nn.Module)]
    buffers = [buffer for module in parts for buffer in module.buffers()]
    before = {name: value.clone() for name, value in trainer.state_tensors().items()}
    kept, counters = [buffer.clone() for buffer in buffers], trainer.counters()
    trainer.rehearse()
    after = trainer.state_tensors()
    assert before.keys() == after.keys() and counters == trainer.counters()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(x, y) for x, y in zip(buffers, kept, strict=True))
    assert all(parameter.grad is None for parameter in trainer.learning_field.parameters())


def test_the_shown_field_is_averaged_and_the_grid_is_updated_from_the_trained_one(monkeypatch):
    trainer, fields = make(), []
    update = trainer.grid.update
    monkeypatch.setattr(trainer.grid, "update", lambda field, *rest: fields.append(field) or update(field, *rest))
    for _ in range(80):
        trainer.step()
    shown, learning = trainer.field.table, trainer.learning_field.table
    assert not torch.equal(shown, learning) and not shown.requires_grad
    assert (shown - learning).abs().mean() < 0.5 * learning.abs().mean()
    trainer.rehearse()
    trainer.lower_thresholds()
    assert len(fields) > 5 and all(field is trainer.learning_field for field in fields)


def test_a_users_own_field_is_shown_without_averaging(tmp_path):
    source = tmp_path / "own.py"
    source.write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Own(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer, self.places = nn.Linear(3, 4), nn.Parameter(torch.arange(3), requires_grad=False)\n"
        "        self.register_buffer('last', None)\n"
        "    def density(self, positions):\n"
        "        self.last = positions[:1].detach()\n"
        "        return self.layer(positions)[:, 0].exp()\n"
        "    def forward(self, positions, directions):\n"
        "        return self.layer(positions)[:, 1:].sigmoid()\n"
    )
    trainer = Trainer(ball_dataset(), OwnSettings(f"{source}:Own"), SMALL_TRAINING)
    for _ in range(60):
        trainer.step()
    assert trainer.field is trainer.learning_field
