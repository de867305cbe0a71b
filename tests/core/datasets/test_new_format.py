"""A dataset format takes one file and one line: the README's is in a temporary folder, and everything supports it."""

import json
import sys

import pytest
import torch

import core.datasets
import run_viewer
from core.config.read_options import ReadOptions
from core.datasets import FORMATS, file_suffixes, open_dataset
from core.datasets.checks.dataset_check import check_dataset
from core.errors import DatasetError
from core.training.snapshot import load_snapshot, save_snapshot
from core.training.trainer import Trainer
from tests.readme import python_block
from tests.scenes import SMALL_FIELD, SMALL_TRAINING

TOY = python_block("def recognises")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A scene of the new format."""
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "toy_format.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "toys")
    FORMATS.register("toy", "toy_format")  # the one line
    path = tmp_path / "scene.toy"
    path.write_text(json.dumps({"focal": 20.0}))
    yield path
    FORMATS.remove("toy")
    sys.modules.pop("toy_format", None)


def test_it_is_opened_with_its_options_and_listed_where_a_dataset_is_expected(toy, tmp_path):
    dataset = open_dataset(toy)
    assert (dataset.format, dataset.name, len(dataset.train), len(dataset.test)) == ("toy", "scene", 6, 2)
    turned = open_dataset(toy, ReadOptions(axes="opencv"))
    assert not torch.equal(turned.train.cameras.c2w, dataset.train.cameras.c2w) and not turned.notes
    assert ".toy" in file_suffixes()
    (tmp_path / "other.txt").touch()
    with pytest.raises(DatasetError, match=r"a \.toy file \(toys\)"):
        open_dataset(tmp_path / "other.txt")


def test_check_reports_on_it_and_its_mistakes(toy, tmp_path, capsys):
    report = check_dataset(toy)
    facts = dict(report.facts())
    assert facts["format"].startswith("toy, because its name is scene.toy") and facts["training"].startswith("6 views")
    assert run_viewer.main(["check", str(toy), "--output", str(tmp_path / "toy.png")]) == 0
    assert "format     toy" in capsys.readouterr().out and (tmp_path / "toy.png").exists()
    toy.write_text("{}")
    assert run_viewer.main(["check", str(toy)]) == 2
    assert "expected a toy with a focal length" in capsys.readouterr().err


def test_training_on_it_resumes_from_a_snapshot(toy, tmp_path):
    trainer = Trainer(open_dataset(toy, ReadOptions(axes="opencv")), SMALL_FIELD, SMALL_TRAINING)
    trainer.step()
    save_snapshot(tmp_path / "toy.safetensors", trainer)
    resumed = load_snapshot(tmp_path / "toy.safetensors")
    assert resumed.dataset.format == "toy" and resumed.dataset.reading.axes == "opencv"
    assert resumed.step().loss == trainer.step().loss


def test_without_its_line_it_is_not_recognised(tmp_path):
    path = tmp_path / "scene.toy"
    path.write_text("{}")
    with pytest.raises(DatasetError, match="is a file: expected"):
        core.datasets.open_dataset(path)
