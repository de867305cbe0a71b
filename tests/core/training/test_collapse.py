"""Collapses of training, each really provoked, and their remedies: afterwards the loss falls again."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.errors import CollapseKind, FirstlightError, TrainingCollapsed
from core.training.collapse import CollapseWatch, lower_march_thresholds, with_flags
from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset

WARM = 60
"""Steps after which the ball is roughly there."""


@pytest.fixture(autouse=True)
def quick_proof(monkeypatch):
    """States count as good after only a few steps."""
    monkeypatch.setattr("core.training.rollback.PERIOD", 0.0)
    monkeypatch.setattr("core.training.rollback.PROOF_STEPS", 20)


def trained(steps=WARM, **changes):
    trainer = Trainer(ball_dataset(), SMALL_FIELD, replace(SMALL_TRAINING, **changes))
    for _ in range(steps):
        trainer.step()
    return trainer


def collapse_of(trainer, most_steps=200):
    with pytest.raises(TrainingCollapsed) as caught:
        for _ in range(most_steps):
            trainer.step()
    return caught.value


def make_thin(trainer):
    """Make the field so thin that no cell or sample comes near the highest thresholds."""
    trainer.learning_field.density_layers[-1].data *= 0.3
    trainer.rebuild_grid()


def mean_loss(trainer, steps=20):
    return sum(trainer.step().loss for _ in range(steps)) / steps


def assert_learns(trainer, worst):
    """Train for longer than it takes to notice any collapse; the loss must fall."""
    for _ in range(60):
        trainer.step()
    assert mean_loss(trainer) < worst


def test_after_nan_training_goes_back_and_continues_on_another_path():
    trainer = trained()
    before, rate = mean_loss(trainer), trainer.settings.learning_rate
    trainer.learning_field.get_parameter("density_layers.1").data.fill_(torch.nan)
    collapse = collapse_of(trainer)
    assert (collapse.kind, collapse.since) == (CollapseKind.NOT_FINITE, trainer.step_count + 1)
    generator = trainer.state_tensors()["generator"]
    step = trainer.restore_last_good()
    assert WARM - 40 <= step == trainer.step_count < collapse.since
    assert all(p.isfinite().all() for p in trainer.learning_field.parameters())
    assert torch.equal(trainer.field.table, trainer._last_good.good.tensors["shown.table"])
    assert trainer.settings.learning_rate == 0.5 * rate
    assert torch.equal(trainer.state_tensors()["generator"], generator)  # not rewound: no batch is drawn twice
    assert_learns(trainer, 1.2 * before)


def test_one_can_go_back_to_the_same_state_twice():
    trainer = trained()
    torch.nn.init.constant_(trainer.learning_field.table, torch.nan)
    collapse_of(trainer)
    step = trainer.restore_last_good()
    table = trainer.learning_field.table.detach().clone()
    for _ in range(5):
        trainer.step()
    assert not torch.equal(trainer.learning_field.table, table)
    torch.nn.init.constant_(trainer.learning_field.table, torch.nan)
    collapse_of(trainer)
    assert trainer.restore_last_good() == step
    torch.testing.assert_close(trainer.learning_field.table.detach(), table, rtol=0, atol=0)


def test_a_state_counts_as_good_only_after_further_good_steps():
    trainer = trained(0)
    assert trainer.last_good is None
    with pytest.raises(FirstlightError, match="reset"):
        trainer.restore_last_good()
    for step in range(1, 101):
        trainer.step()
        assert trainer.last_good is None or 20 <= step - trainer.last_good.step <= 40
    assert trainer.last_good is not None


def test_keeping_copies_does_not_change_training(monkeypatch):
    losses = [trained(0), trained(0)]
    monkeypatch.setattr("core.training.rollback.PERIOD", 1e9)
    losses = [[trainer.step().loss for _ in range(40)] for trainer in losses]
    assert losses[0] == losses[1]


def test_nan_in_a_cell_that_no_ray_sees_does_not_count_as_an_empty_grid():
    trainer = trained()
    torch.nn.init.constant_(trainer.learning_field.table, torch.nan)
    with pytest.raises(TrainingCollapsed) as collapse:
        trainer.rebuild_grid()
    assert collapse.value.kind is CollapseKind.NOT_FINITE


@pytest.mark.parametrize("remedy", ["lower_thresholds", "restore_last_good"])
def test_an_occupancy_threshold_above_every_cell_empties_the_grid_and_has_two_remedies(remedy):
    trainer = trained(march=replace(SMALL_TRAINING.march, alpha_thre=0.01))
    before = mean_loss(trainer)
    own = trainer.settings.march
    make_thin(trainer)
    trainer.set_march(replace(own, occ_thre=1.0))
    first = trainer.step_count + 1
    collapse = collapse_of(trainer)
    assert collapse.kind is CollapseKind.EMPTY_GRID
    assert first <= collapse.since <= trainer.step_count
    getattr(trainer, remedy)()
    assert trainer.settings.march.occ_thre < 1.0
    assert_learns(trainer, 1.5 * before)


def test_an_emptied_grid_is_rebuilt_from_the_field():
    trainer = trained(150)
    before = mean_loss(trainer)
    trainer.settings = replace(trainer.settings, grid_update_every=1000)  # else a grid update might revive some cells
    trainer.grid.occs.clamp_(max=0.0)
    first = trainer.step_count + 1
    collapse = collapse_of(trainer)
    assert (collapse.kind, collapse.since) == (CollapseKind.EMPTY_GRID, first)
    trainer.settings = replace(trainer.settings, grid_update_every=16)
    trainer.rebuild_grid()
    possible = trainer.grid.occs >= 0.0
    assert torch.equal(trainer.grid.binaries.view(-1), possible)  # optimistic: each may be occupied
    assert_learns(trainer, 1.2 * before)
    for _ in range(120):
        trainer.step()
    assert trainer.grid.binaries.sum() < 0.8 * possible.sum()


def test_cells_known_to_be_empty_stay_empty_in_a_rebuilt_grid():
    trainer = trained(20)
    empty_for_good = trainer.grid.occs < 0.0
    assert empty_for_good.any()
    trainer.rebuild_grid()
    assert torch.equal(trainer.grid.occs < 0.0, empty_for_good)


def test_an_alpha_threshold_above_every_sample_leaves_no_samples_and_is_lowered():
    trainer = trained(march=MarchSettings(render_step_size=0.04, occ_thre=0.0))
    before = mean_loss(trainer)
    make_thin(trainer)
    trainer.set_march(replace(trainer.settings.march, alpha_thre=0.5))
    first = trainer.step_count + 1
    weights = trainer.learning_field.table.detach().clone()
    collapse = collapse_of(trainer)
    assert (collapse.kind, collapse.since) == (CollapseKind.NO_SAMPLES, first)
    assert "a lower alpha threshold in training helps (now 0.5)" in str(collapse)
    # steps without samples change nothing
    torch.testing.assert_close(trainer.learning_field.table.detach(), weights, rtol=0, atol=0)
    march = trainer.lower_thresholds()
    assert march == trainer.settings.march and march.alpha_thre <= 0.05
    assert_learns(trainer, 1.5 * before)


def test_planes_that_exclude_the_scene_leave_no_samples_and_going_back_restores_them():
    trainer = trained()
    own = trainer.settings.march
    before = mean_loss(trainer)
    trainer.set_march(replace(own, far_plane=0.01))
    assert collapse_of(trainer).kind is CollapseKind.NO_SAMPLES
    rate = trainer.settings.learning_rate
    trainer.restore_last_good()
    assert trainer.settings.march == own
    assert trainer.settings.learning_rate == rate  # not lowered, as it was not the cause
    assert_learns(trainer, 1.2 * before)


@pytest.mark.parametrize(
    ("collapse", "helps"),
    [
        (
            CollapseWatch().not_finite("the loss", 7, TrainSettings(learning_rate=0.25)),
            "learning rate helps (now 0.25)",
        ),
        (
            CollapseWatch().nothing_to_learn_from(True, 7, MarchSettings(occ_thre=0.5)),
            "occupancy threshold in training helps (now 0.5)",
        ),
        (
            CollapseWatch().nothing_to_learn_from(False, 7, MarchSettings(alpha_thre=0.5)),
            "alpha threshold in training helps (now 0.5)",
        ),
    ],
)
def test_a_collapse_reports_its_step_and_remedy_and_the_command_line_adds_flags(collapse, helps):
    text = str(collapse)
    assert "since step 7" in text and helps in text
    assert not any(word in text for word in ("--", "go back", "rebuild", "reset")), "not every interface offers these"
    text_before_flags, flags = with_flags(collapse).split("; train has ")
    assert text_before_flags == text
    of_train = settings_of(TrainSettings).keys() | settings_of(MarchSettings).keys()
    assert {flag.removeprefix("--").replace("-", "_") for flag in flags.split(", ")} <= of_train
    assert with_flags(TrainingCollapsed("gone", CollapseKind.NOT_FINITE, 3)) == "gone"


@pytest.mark.parametrize("densest", [0.0, 1e-9, 1e-4, 0.02, 5.0])
def test_lowered_thresholds_let_the_densest_cell_through(densest):
    march = lower_march_thresholds(MarchSettings(occ_thre=0.9, alpha_thre=0.4), densest)
    assert march.occ_thre <= max(0.1 * densest, 0.0) * (1 + 1e-6)
    assert march.alpha_thre <= 0.1 * densest * (1 + 1e-6)
    assert march.occ_thre <= 0.09 and march.alpha_thre <= 0.04
