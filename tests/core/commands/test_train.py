import json
import os
import signal

import pytest
from PIL import Image

from core.commands.train import HISTORY_SECONDS, train_and_report
from core.errors import CollapseKind, FirstlightError, TrainingCollapsed
from core.training.build import open_trainer
from core.training.trainer import Trainer
from tests.scenes import use_small_presets
from tests.viewer.live import write_quick_ball

KEYS = {
    "dataset", "device", "backend", "steps", "seconds", "rays_per_second", "samples_per_second", "peak_memory_mb",
    "settings", "test", "history",
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_presets(monkeypatch):
    use_small_presets(monkeypatch)


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return str(write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball"))


def test_a_report_has_its_metrics_snapshot_and_views(ball, tmp_path):
    report = train_and_report(ball, tmp_path / "report", steps=30, device="cpu", seed=3)
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == report
    assert report.keys() == KEYS
    assert (report["dataset"], report["device"], report["steps"]) == (ball, "cpu", 30)
    assert report["settings"]["train"]["horizon_steps"] == 30
    assert report["settings"]["seed"] == 3
    assert report["test"]["n_views"] == 3
    assert report["test"]["psnr"] > 10.0
    assert 0.0 < report["test"]["ssim"] <= 1.0
    pictures = sorted((tmp_path / "report" / "views").glob("*.png"))
    assert len(pictures) == 3
    with Image.open(pictures[0]) as picture:
        assert picture.size == (48, 24)
    again = open_trainer(str(tmp_path / "report" / "snapshot.safetensors"))
    assert again.step_count == 30


def test_rates_refer_to_training_time_only(ball, tmp_path, monkeypatch):
    total, step = [], Trainer.step

    def counted(trainer, *arguments):
        stats = step(trainer, *arguments)
        total.append(stats)
        return stats

    monkeypatch.setattr(Trainer, "step", counted)
    report = train_and_report(ball, tmp_path / "report", steps=5, device="cpu")
    assert report["seconds"] == pytest.approx(sum(stats.seconds for stats in total))
    assert report["rays_per_second"] == pytest.approx(sum(stats.n_rays for stats in total) / report["seconds"])
    assert report["samples_per_second"] == pytest.approx(sum(stats.n_samples for stats in total) / report["seconds"])


def test_history_is_measured_once_at_each_time(ball, tmp_path, monkeypatch):
    step = Trainer.step

    def slow(trainer, *arguments):
        stats = step(trainer, *arguments)
        trainer.seconds = 3.0 * trainer.step_count
        return stats

    monkeypatch.setattr(Trainer, "step", slow)
    report = train_and_report(ball, tmp_path / "report", seconds=32.0, device="cpu")
    assert report["steps"] == 11
    assert [entry["seconds"] for entry in report["history"]] == [6.0, 12.0, 15.0, 21.0, 30.0]
    assert [entry["step"] for entry in report["history"]] == [2, 4, 5, 7, 10]
    assert all(entry["psnr"] > 5.0 for entry in report["history"])
    assert HISTORY_SECONDS[:5] == (5.0, 10.0, 15.0, 20.0, 30.0)


def test_ctrl_c_ends_training_and_everything_is_written(ball, tmp_path, monkeypatch):
    step, before = Trainer.step, signal.getsignal(signal.SIGINT)

    def interrupted(trainer, *arguments):
        if trainer.step_count == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return step(trainer, *arguments)

    monkeypatch.setattr(Trainer, "step", interrupted)
    report = train_and_report(ball, tmp_path / "report", seconds=600.0, device="cpu")
    assert report["steps"] == 5
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.json", "snapshot.safetensors", "views"}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_in_use_is_refused_and_left_alone(ball, tmp_path):
    (tmp_path / "report.json").write_text("mine")
    with pytest.raises(FirstlightError, match="not empty"):
        train_and_report(ball, tmp_path, steps=1)
    assert (tmp_path / "report.json").read_text() == "mine"
    with pytest.raises(FirstlightError, match="can't be used"):
        train_and_report(ball, tmp_path / "report.json" / "deeper", steps=1)


@pytest.mark.parametrize(
    "goal", [{}, {"seconds": 1.0, "steps": 1}, {"steps": 0}, {"seconds": -1.0}, {"seconds": 1e999}]
)
def test_exactly_one_positive_goal_is_required(ball, tmp_path, goal):
    with pytest.raises(ValueError):
        train_and_report(ball, tmp_path / "report", **goal)
    assert not (tmp_path / "report").exists()


def test_a_collapse_is_reported_and_the_result_so_far_is_written(ball, tmp_path, monkeypatch):
    step = Trainer.step

    def collapsing(trainer, *arguments):
        if trainer.step_count == 4:
            raise TrainingCollapsed("no grid cell is occupied any more", CollapseKind.EMPTY_GRID, 4, ("occ_thre",))
        return step(trainer, *arguments)

    monkeypatch.setattr(Trainer, "step", collapsing)
    with pytest.raises(TrainingCollapsed, match=r"no grid cell.*train has --occ-thre; what was learnt is in"):
        train_and_report(ball, tmp_path / "report", steps=30, device="cpu")
    assert json.loads((tmp_path / "report" / "report.json").read_text())["steps"] == 4
    assert (tmp_path / "report" / "snapshot.safetensors").is_file()


def test_ctrl_c_while_measuring_still_writes_the_report(ball, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("core.commands.train._write_views", interrupted)
    report = train_and_report(ball, tmp_path / "report", steps=3, device="cpu")
    assert report["test"] == {"psnr": None, "ssim": None, "n_views": 0}
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == report


def test_a_snapshot_is_not_trained_as_a_dataset(tmp_path):
    with pytest.raises(FirstlightError, match="takes a dataset"):
        train_and_report("run/snapshot.safetensors", tmp_path / "report", steps=3, device="cpu")
    assert not (tmp_path / "report").exists()
