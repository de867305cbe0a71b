import csv

import pytest
import torch
from PIL import Image
from rich.console import Console

import core.commands.compare
from core.commands.compare import compare_methods, marks_until, parse_methods
from core.commands.comparison_report import COLUMNS
from core.config.read_options import ReadOptions
from core.errors import DatasetError, FirstlightError
from core.samplers.stratified import StratifiedSettings
from core.training.collapse import CollapseWatch
from core.training.trainer import Trainer
from tests.scenes import use_small_presets


@pytest.fixture(autouse=True)
def small_presets(monkeypatch):
    use_small_presets(monkeypatch)


def compare(tmp_path, methods="ngp+occupancy,ngp+stratified", seconds=0.2, **more):
    console = Console(record=True, width=120)
    outcomes = compare_methods(
        "demo", methods, seconds, tmp_path / "out", 2, ReadOptions(16), "cpu", console=console, **more
    )
    return outcomes, console.export_text()


def test_each_method_is_trained_measured_and_reported(tmp_path):
    outcomes, text = compare(tmp_path)
    rows = list(csv.DictReader((tmp_path / "out" / "compare.csv").open()))
    assert [row["method"] for row in rows] == ["ngp+occupancy", "ngp+stratified"]
    assert tuple(rows[0]) == COLUMNS
    for row, outcome in zip(rows, outcomes, strict=True):
        assert float(row["psnr"]) == outcome.psnr > 5.0
        assert int(row["steps"]) == outcome.steps > 0 and float(row["rays_per_second"]) > 0.0
        assert outcome.history[-1]["step"] <= outcome.steps and outcome.method in text
        assert tuple(outcome.picture.shape) == (16, 16, 3)
    assert float(rows[1]["evaluations_per_ray"]) > float(rows[0]["evaluations_per_ray"])
    with Image.open(tmp_path / "out" / "compare.png") as figure:
        assert figure.width >= 900


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "name at least one"),
        ("ngp+occupancy,ngp", "none twice"),
        ("cubes", "'cubes': choose one of ngp"),
        ("ngp+guess", "'guess': choose one of occupancy"),
        ("ngp+proposal+cube", "'cube': choose one of none"),
    ],
)
def test_invalid_methods_are_refused_before_anything_is_opened(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        compare(tmp_path, text)
    assert not (tmp_path / "out").exists()


def test_a_missing_users_own_field_is_reported_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setattr("core.commands.compare.train_run", None)
    with pytest.raises(FirstlightError, match=r"gone\.py:Fog: expected a Python file"):
        compare(tmp_path, f"ngp,{tmp_path / 'gone.py'}:Fog+stratified")


def test_overwriting_and_unmeasurable_runs_are_refused(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "compare.csv").write_text("mine")
    with pytest.raises(FirstlightError, match="out"):
        compare(tmp_path)
    assert (tmp_path / "out" / "compare.csv").read_text() == "mine"
    for seconds in (0.0, float("inf")):
        with pytest.raises(ValueError, match="positive"):
            compare(tmp_path, seconds=seconds)
    monkeypatch.setattr("core.datasets.dataset.Views.__len__", lambda views: 0)
    with pytest.raises(DatasetError, match="held-out"):
        compare(tmp_path / "other")


def test_a_cancelled_method_does_not_count(tmp_path, monkeypatch):
    whole = core.commands.compare.train_run

    def cancelling(after: int):
        """Ctrl-C during the training that follows `after` complete ones."""
        left = iter([False] * after + [True])

        def run(*args):
            ran = whole(*args)
            ran.interrupted = next(left)
            return ran

        return run

    monkeypatch.setattr("core.commands.compare.train_run", cancelling(1))
    outcomes, _ = compare(tmp_path, "ngp+occupancy,ngp+stratified,ngp+proposal")
    assert [outcome.method for outcome in outcomes] == ["ngp+occupancy"]
    assert (tmp_path / "out" / "compare.png").is_file()
    monkeypatch.setattr("core.commands.compare.train_run", cancelling(0))
    with pytest.raises(FirstlightError, match="cancelled before"):
        compare(tmp_path / "nothing")


def test_a_collapsed_method_is_reported_with_its_reason_in_one_line(tmp_path, monkeypatch):
    step = Trainer.step

    def collapsing(trainer, *arguments):
        if isinstance(trainer.sampler_settings, StratifiedSettings):
            raise CollapseWatch().not_finite("the loss", 1, trainer.settings)
        return step(trainer, *arguments)

    monkeypatch.setattr(Trainer, "step", collapsing)
    outcomes, text = compare(tmp_path)
    assert [bool(outcome.collapse) for outcome in outcomes] == [False, True]
    (line,) = (line for line in text.splitlines() if line.startswith("ngp+stratified collapsed: "))
    assert "since step 1" in line and line.endswith("train has --learning-rate")
    assert "ngp+occupancy collapsed" not in text


def test_names_may_contain_spaces_and_omit_the_grid():
    assert parse_methods(" ngp , mlp + stratified,") == [("ngp", "occupancy"), ("mlp", "stratified")]
    assert parse_methods("a+b/my.py:Fog+rvs") == [("a+b/my.py:Fog", "rvs")]
    assert parse_methods("ngp+proposal + sphere") == [("ngp", "proposal", "sphere")]


def test_a_method_may_include_a_contraction(tmp_path):
    outcomes, _ = compare(tmp_path, "ngp+stratified,ngp+stratified+sphere", 0.1)
    assert [outcome.method for outcome in outcomes] == ["ngp+stratified", "ngp+stratified+sphere"]


def test_marks_end_with_the_run_at_growing_intervals():
    marks = torch.tensor(marks_until(60.0))
    assert float(marks[-1]) == pytest.approx(60.0) and bool((marks.diff().diff() > 0.0).all())
