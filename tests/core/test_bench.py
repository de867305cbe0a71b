"""The bench: every stage is measured, on the samples that training keeps, against limits that were measured."""

import json

import pytest

from core import bench
from core.errors import FirstlightError
from tests.scenes import SMALL_FIELD, SMALL_TRAINING
from tests.viewer.live import write_quick_ball


@pytest.fixture
def ball(tmp_path, monkeypatch):
    monkeypatch.setattr("core.opening.presets", lambda *_: (SMALL_FIELD, SMALL_TRAINING))
    monkeypatch.setattr(bench, "_WARM_SECONDS", 0.3)
    monkeypatch.setattr(bench, "_VIEW_SIZES", (16,))
    return str(write_quick_ball(tmp_path / "ball"))


def test_all_stages_are_measured_and_written(ball, tmp_path, capsys):
    report = tmp_path / "bench.json"
    assert bench.main(ball, device="cpu", output=str(report)) == 0
    written = json.loads(report.read_text())
    stages = {stage["name"]: stage for stage in written["stages"]}
    assert list(stages) == [
        "march", "encode forward", "encode backward", "networks forward", "networks forward and backward",
        "composite forward", "training step", "view 16x16",
    ]  # fmt: skip
    assert all(stage["milliseconds"] > 0 and stage["n_items"] > 0 for stage in stages.values())
    assert stages["view 16x16"]["n_items"] == 256
    # the march is not jittered, the batch is: a few samples more or less
    assert stages["march"]["n_items"] >= 0.9 * stages["encode forward"]["n_items"]
    assert written["machine"]["gflops"] > 0 and written["machine"]["gigabytes_per_second"] > 0
    assert "encode backward" in capsys.readouterr().out
    with pytest.raises(FirstlightError, match="exists already"):
        bench.main(ball, device="cpu", output=str(report))


def test_a_file_that_can_not_be_written_is_told_before_anything_is_opened(tmp_path):
    with pytest.raises(FirstlightError, match="no folder"):
        bench.main(str(tmp_path / "no such scene"), output=str(tmp_path / "missing" / "bench.json"))
