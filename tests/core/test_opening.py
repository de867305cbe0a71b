import pytest

from core.errors import DatasetError, SnapshotError
from core.opening import Overrides, new_trainer, open_trainer
from core.settings import presets
from core.snapshot import save_snapshot
from tests.scenes import BOX, SMALL_FIELD, SMALL_TRAINING, ball_dataset
from tests.viewer.live import write_quick_ball


def test_only_what_is_asked_for_differs_from_the_presets():
    overrides = Overrides(thresholds={"alpha_thre": 0.1}, training={"learning_rate": 0.5}, field={"n_levels": 3})
    field, train = presets("cpu", BOX)
    trainer = new_trainer(ball_dataset(), "cpu", 0, overrides)
    assert (trainer.settings.march.alpha_thre, trainer.settings.learning_rate) == (0.1, 0.5)
    assert trainer.settings.march.occ_thre == train.march.occ_thre
    assert trainer.settings.target_samples == train.target_samples
    assert (trainer.field_settings.n_levels, trainer.field_settings.hidden_dim) == (3, field.hidden_dim)
    with pytest.raises(ValueError, match="learning_rate"):
        new_trainer(ball_dataset(), "cpu", 0, Overrides(training={"learning_rate": -1.0}))


def test_a_dataset_starts_and_a_snapshot_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("core.opening.presets", lambda *_: (SMALL_FIELD, SMALL_TRAINING))
    said = []
    trainer = open_trainer(str(write_quick_ball(tmp_path / "ball")), progress=lambda share, text: said.append(share))
    assert trainer.step_count == 0
    assert said == sorted(said) and said[-1] == 1.0
    trainer.step()
    save_snapshot(tmp_path / "one.safetensors", trainer)
    again = open_trainer(str(tmp_path / "one.safetensors"))
    assert again.step_count == 1
    assert again.settings == trainer.settings


def test_opening_the_kernels_costs_the_first_step_nothing_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("core.opening.presets", lambda *_: (SMALL_FIELD, SMALL_TRAINING))
    trainer = open_trainer(str(write_quick_ball(tmp_path / "ball")))
    plain = new_trainer(trainer.dataset, "cpu", 0)
    assert trainer.seconds == 0.0
    assert trainer.step().loss == plain.step().loss


def test_what_is_neither_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="nothing-here"):
        open_trainer(str(tmp_path / "nothing-here"))
    with pytest.raises(SnapshotError, match=r"gone\.safetensors"):
        open_trainer(str(tmp_path / "gone.safetensors"))


def test_a_progress_that_raises_ends_the_opening(tmp_path):
    def stop(share, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_trainer(str(write_quick_ball(tmp_path / "ball")), progress=stop)
