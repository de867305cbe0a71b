"""The bench: every stage is measured, on the samples that training keeps, against measured hardware limits."""

import json

import pytest

from core.commands import bench, bench_scaling
from core.commands.bench_report import Machine, Stage, Work, comparison_of, read_report, stage
from core.errors import FirstlightError
from core.kernels.runtime.device import processor
from tests.scenes import use_small_presets
from tests.viewer.live import write_quick_ball


@pytest.fixture
def ball(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    monkeypatch.setattr(bench, "_WARM_SECONDS", 0.3)
    monkeypatch.setattr(bench, "_VIEW_SIZES", (16,))
    monkeypatch.setattr(bench, "_PRODUCT_SIZE", 256)
    return str(write_quick_ball(tmp_path / "ball"))


def test_all_stages_are_measured_and_written(ball, tmp_path, capsys):
    report = tmp_path / "bench.json"
    assert bench.main(ball, device="cpu", output=str(report)) == 0
    written = json.loads(report.read_text())
    stages = {stage["name"]: stage for stage in written["stages"]}
    assert list(stages) == [
        "march and its densities", "density without gradient", "encode forward", "encode backward", "networks forward",
        "networks and pixels with gradients", "composite forward", "training step", "view 16x16",
    ]  # fmt: skip
    assert all(stage["milliseconds"] > 0 and stage["n_items"] > 0 for stage in stages.values())
    assert all(stage["share"] > 0 and stage["limit"] in ("products", "bandwidth") for stage in stages.values())
    assert stages["view 16x16"]["n_items"] == 256
    assert stages["march and its densities"]["n_items"] >= stages["encode forward"]["n_items"]
    assert "Warp" in written["machine"]["backend"]
    assert written["machine"]["gflops"] > 0 and written["machine"]["gigabytes_per_second"] > 0
    shown, cpu = capsys.readouterr().out, processor()
    assert written["machine"]["processor"] == cpu and "encode backward" in shown and cpu in " ".join(shown.split())
    written["machine"]["processor"] = "Abacus, by hand"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(written))
    assert bench.main(ball, device="cpu", compare=str(other)) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "times as quick" in shown and "Abacus, by hand" in shown and "The processors differ" in shown
    with pytest.raises(FirstlightError, match="exists already"):
        bench.main(ball, device="cpu", output=str(report))


def test_an_unwritable_file_is_reported_before_anything_is_opened(tmp_path):
    with pytest.raises(FirstlightError, match="no folder"):
        bench.main(str(tmp_path / "no such scene"), output=str(tmp_path / "missing" / "bench.json"))


def test_a_comparison_with_an_invalid_report_is_refused_before_anything_is_opened(tmp_path):
    misfit = '{"machine": {"gflops": "fast", "gigabytes_per_second": 1, "n_threads": 2}, "stages": []}'
    for text in ("{", '{"machine": {}}', "[]", misfit):
        (tmp_path / "old.json").write_text(text)
        with pytest.raises(FirstlightError, match="no report"):
            bench.main(str(tmp_path / "no such scene"), compare=str(tmp_path / "old.json"))
    with pytest.raises(FirstlightError, match="can't be read"):
        read_report(str(tmp_path / "absent.json"))


def test_a_stage_is_compared_with_its_tightest_limit():
    machine = Machine(gflops=100.0, gigabytes_per_second=10.0, n_threads=2)
    work = Work(flops=1e9) + Work(flops=1e9, n_bytes=1e8)  # 20 ms of products, 10 ms of copies
    assert work.limit(machine) == (pytest.approx(0.02), "products")
    measured = stage("both", 0.08, 1000, "samples", work, machine)
    assert (measured.share, measured.limit) == (pytest.approx(0.25), "products")
    assert measured.items_per_second == pytest.approx(12500.0)
    assert Work(flops=1e9, n_bytes=1e9).limit(machine) == (pytest.approx(0.1), "bandwidth")


def test_ratios_are_per_item_for_stages_in_both_reports():
    old = [Stage("view", 100.0, 1000, "rays"), Stage("gone", 1.0, 1, "rays")]
    new = [Stage("view", 50.0, 2000, "rays"), Stage("fresh", 1.0, 1, "rays")]
    table = comparison_of(old, new)
    rows = [list(column.cells) for column in table.columns]
    assert rows == [["view"], ["100000.0"], ["25000.0"], ["4.00"]]


def test_scaling_varies_one_quantity_at_a_time(ball, monkeypatch, capsys):
    for name, value in (
        ("_WARM_STEPS", 1), ("_STEPS", 2), ("_TABLES", (9, 10)), ("_BATCHES", (8, 9)), ("_GRIDS", (8, 16)),
    ):  # fmt: skip
        monkeypatch.setattr(bench_scaling, name, value)
    trainers = []
    like = bench_scaling._similar_trainer
    monkeypatch.setattr(
        bench_scaling, "_similar_trainer", lambda *a, **k: trainers.append(like(*a, **k)) or trainers[-1]
    )
    assert bench.main(ball, device="cpu", scaling=True) == 0
    shown = capsys.readouterr().out
    for what in ("threads", "table", "samples of a step", "cells a side", "training views"):
        assert what in shown
    assert {t.field_settings.log2_hashmap_size for t in trainers} >= {9, 10}
    assert {t.settings.target_samples for t in trainers} >= {256, 512}
    assert {t.settings.grid_resolution for t in trainers} >= {8, 16}
    assert len({len(t.excluded) for t in trainers}) > 1
