import csv
import dataclasses
from io import StringIO

import pytest
from PIL import Image
from rich.console import Console

from core.commands.sweep_report import sweep_snapshot
from core.datasets import open_dataset
from core.errors import FirstlightError, SnapshotError
from core.training.build import new_trainer
from core.training.snapshot import save_snapshot
from tests.viewer.live import TINY, tiny_trainer, write_quick_ball


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    trainer = tiny_trainer(open_dataset(write_quick_ball(folder / "ball")))
    for _ in range(20):
        trainer.step()
    save_snapshot(folder / "ball.safetensors", trainer)
    return folder / "ball.safetensors"


def test_a_snapshots_sweep_writes_its_folder(snapshot, tmp_path):
    text = StringIO()
    curve = sweep_snapshot(str(snapshot), "early-stop-eps", tmp_path / "out", 4, 1, "30x20", "cpu",
                           {"alpha_thre": 0.02}, Console(file=text, width=200))  # fmt: skip
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"sweep.csv", "sweep.png"}
    rows = list(csv.DictReader((tmp_path / "out" / "sweep.csv").open(newline="")))
    assert [float(row["value"]) for row in rows] == [point.value for point in curve.points]
    assert len(rows) == 4 and rows[0]["value"] == "0.0"
    with Image.open(tmp_path / "out" / "sweep.png") as picture:
        assert min(picture.size) > 500
    assert curve.n_rays == 600
    for words in ("early_stop_eps: ball, 30x20, training view 1, step 20", "off", f"{curve.points[0].ms:.1f}"):
        assert words in text.getvalue()


def test_the_default_size_is_the_datasets(snapshot, tmp_path):
    curve = sweep_snapshot(str(snapshot), "occ_thre", tmp_path / "out", 2, console=Console(file=StringIO()))
    assert curve.n_rays == 24 * 24


def test_a_threshold_unused_by_the_snapshots_sampler_is_refused(tmp_path):
    overrides = dataclasses.replace(TINY, method={"sampler": "stratified"}, sampler={"n_bins": 8})
    save_snapshot(
        tmp_path / "bins.safetensors",
        new_trainer(open_dataset(write_quick_ball(tmp_path / "ball")), "cpu", 0, overrides),
    )
    with pytest.raises(ValueError, match="stratified doesn't use cone_angle: sweep one of alpha_thre"):
        sweep_snapshot(str(tmp_path / "bins.safetensors"), "cone-angle", tmp_path / "out")


def test_mistakes_are_reported_before_anything_is_written(snapshot, tmp_path):
    def sweep(path=snapshot, over="alpha_thre", output="out", **options):
        sweep_snapshot(str(path), over, tmp_path / output, **options)

    with pytest.raises(ValueError, match=r"one of alpha_thre, early_stop_eps.*got 'speed'"):
        sweep(over="speed")
    with pytest.raises(ValueError, match="at least 2 values, got 1"):
        sweep(n_values=1)
    with pytest.raises(ValueError, match="1280x800"):
        sweep(size="large")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="from 0 to 8, got 9"):
        sweep(camera=9)
    with pytest.raises(SnapshotError, match="found no file"):
        sweep(path="gone.safetensors")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(FirstlightError, match="not empty"):
        sweep(output="full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
