"""Snapshots: a run that is saved and opened continues as if it had never stopped."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.datasets.bounds.scene_bounds import place_of
from core.errors import SnapshotError
from core.geometry.placement import Place
from core.training import snapshot
from core.training.build import moved_trainer
from core.training.snapshot import load_snapshot, save_snapshot
from core.training.trainer import Trainer
from tests.ball import ball_views
from tests.photos import write_nerfstudio
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset
from tests.viewer.live import tiny_trainer


@pytest.fixture
def trainer(monkeypatch):
    dataset = ball_dataset()
    monkeypatch.setattr(snapshot, "open_dataset", lambda path, reading, progress: dataset)
    return Trainer(dataset, SMALL_FIELD, SMALL_TRAINING, seed=5)


@pytest.mark.parametrize("steps", [0, 1, 42, 75])  # a grid update follows step 42; weights are averaged before 75
def test_the_next_ten_losses_equal_those_of_an_uninterrupted_run(trainer, tmp_path, steps):
    for _ in range(steps):
        trainer.step()
    save_snapshot(tmp_path / "a.safetensors", trainer)
    resumed = load_snapshot(tmp_path / "a.safetensors")
    assert resumed.step_count == steps and resumed.settings == trainer.settings
    assert resumed.n_evaluations == trainer.n_evaluations and (trainer.n_evaluations > 0) == (steps > 0)
    assert [resumed.step().loss for _ in range(10)] == [trainer.step().loss for _ in range(10)]
    for found, expected in zip(resumed.field.parameters(), trainer.field.parameters(), strict=True):
        assert torch.equal(found, expected)


def test_a_run_saved_between_slices_of_a_batch_goes_on_with_the_next_slice(trainer, tmp_path):
    trainer.step()
    while trainer.step(0.02).stepped:  # the first batches are small
        pass
    save_snapshot(tmp_path / "a.safetensors", trainer)
    resumed = load_snapshot(tmp_path / "a.safetensors")
    pairs = [(resumed.step(0.02), trainer.step(0.02)) for _ in range(20)]
    assert len({found.step for found, _ in pairs}) > 2
    assert all(replace(found, seconds=0.0) == replace(expected, seconds=0.0) for found, expected in pairs)
    for found, expected in zip(resumed.field.parameters(), trainer.field.parameters(), strict=True):
        assert torch.equal(found, expected)


def test_a_snapshot_without_averaged_weights_shows_the_trained_ones(trainer, tmp_path):
    for _ in range(60):
        trainer.step()
    save_snapshot(tmp_path / "a.safetensors", trainer)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(tmp_path / "a.safetensors")
    kept = {name: value for name, value in tensors.items() if not name.startswith("shown.")}
    assert len(kept) < len(tensors)
    save_file(kept, tmp_path / "b.safetensors", metadata=metadata)
    resumed = load_snapshot(tmp_path / "b.safetensors")
    assert torch.equal(resumed.field.table, trainer.learning_field.table)
    assert not torch.equal(resumed.field.table, trainer.field.table)


def test_excluded_views_stay_excluded(trainer, tmp_path):
    trainer.exclude(frozenset({2, 5}))
    trainer.step()
    save_snapshot(tmp_path / "a.safetensors", trainer)
    resumed = load_snapshot(tmp_path / "a.safetensors")
    assert resumed.excluded == {2, 5}
    assert [resumed.step().loss for _ in range(5)] == [trainer.step().loss for _ in range(5)]


def test_a_snapshot_restores_its_place_whatever_the_dataset_says(trainer, tmp_path, monkeypatch):
    place = Place((-1.5, -1.0, -1.25, 1.0, 1.5, 1.0), 2, 0.4, (0.0, -1.0, 0.0))
    moved = moved_trainer(trainer, trainer.settings, place, seed=1)
    moved.turn_up((1.0, 0.0, 0.0))
    moved.step()
    save_snapshot(tmp_path / "a.safetensors", moved)
    resumed = load_snapshot(tmp_path / "a.safetensors")
    assert place_of(resumed.dataset) == place._replace(up=(1.0, 0.0, 0.0))
    assert resumed.dataset.named == place_of(trainer.dataset)
    assert resumed.settings.march.near_plane == 0.4 and resumed.settings.grid_levels == 2
    assert [resumed.step().loss for _ in range(5)] == [moved.step().loss for _ in range(5)]


def test_a_snapshot_remembers_how_its_dataset_was_read(tmp_path):
    reading = ReadOptions(2, "opencv", allow_outside=True)
    trainer = tiny_trainer(open_dataset(write_nerfstudio(tmp_path / "ball", ball_views(4, 24)), reading))
    path = tmp_path / "a.safetensors"
    save_snapshot(path, trainer)
    again = load_snapshot(path).dataset
    assert (again.reading, again.train.cameras.width) == (reading, 12)

    header = json.loads(_header(path))
    header["reading"]["axes"] = "other"
    save_file(load_file(path), tmp_path / "b.safetensors", metadata={"firstlight": json.dumps(header)})
    with pytest.raises(SnapshotError, match="damaged"):
        load_snapshot(tmp_path / "b.safetensors")


def test_impossible_exclusions_count_as_damage(trainer, tmp_path):
    save_snapshot(tmp_path / "a.safetensors", trainer)
    header = json.loads(_header(tmp_path / "a.safetensors"))
    for number, excluded in enumerate(([12], list(range(12)), ["r_1"])):
        path = tmp_path / f"{number}.safetensors"
        metadata = {"firstlight": json.dumps(header | {"excluded": excluded})}
        save_file(load_file(tmp_path / "a.safetensors"), path, metadata=metadata)
        with pytest.raises(SnapshotError, match="doesn't fit"):
            load_snapshot(path)


def test_a_snapshot_from_another_device_type_opens(trainer, tmp_path):
    trainer.step()
    save_snapshot(tmp_path / "a.safetensors", trainer)
    tensors = load_file(tmp_path / "a.safetensors")
    tensors["generator"] = tensors["generator"][:16].clone()  # a CUDA generator's state has 16 bytes
    save_file(tensors, tmp_path / "b.safetensors", metadata={"firstlight": _header(tmp_path / "a.safetensors")})
    resumed = load_snapshot(tmp_path / "b.safetensors")
    assert resumed.step().step == 2


def test_an_existing_file_is_not_replaced(trainer, tmp_path):
    path = tmp_path / "new folder" / "a.safetensors"
    save_snapshot(path, trainer)
    before = path.read_bytes()
    with pytest.raises(SnapshotError, match="exists already"):
        save_snapshot(path, trainer)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_other_files_are_refused(trainer, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(SnapshotError, match="found no file"):
        load_snapshot(path)
    for content in (b"", b"nonsense", b"\x00" * 100):
        path.write_bytes(content)
        with pytest.raises(SnapshotError, match="not a snapshot"):
            load_snapshot(path)
    path.unlink()
    save_snapshot(path, trainer)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SnapshotError, match="damaged"):
        load_snapshot(path)


def test_a_snapshot_with_other_tensors_or_of_another_version_is_refused(trainer, tmp_path):
    path = tmp_path / "a.safetensors"
    save_snapshot(path, trainer)
    tensors = load_file(path)
    header = json.loads(_header(path))
    del tensors["field.table"]
    save_file(tensors, tmp_path / "b.safetensors", metadata={"firstlight": json.dumps(header)})
    with pytest.raises(SnapshotError, match="doesn't fit"):
        load_snapshot(tmp_path / "b.safetensors")
    header["version"] = 3
    save_file(tensors, tmp_path / "old.safetensors", metadata={"firstlight": json.dumps(header)})
    with pytest.raises(SnapshotError, match=r"version 3.*train again"):
        load_snapshot(tmp_path / "old.safetensors")
    header["version"] = 99
    save_file(tensors, tmp_path / "c.safetensors", metadata={"firstlight": json.dumps(header)})
    with pytest.raises(SnapshotError, match="version 99"):
        load_snapshot(tmp_path / "c.safetensors")


def test_a_snapshot_whose_dataset_is_gone_is_refused(trainer, tmp_path, monkeypatch):
    save_snapshot(tmp_path / "a.safetensors", trainer)
    monkeypatch.undo()
    with pytest.raises(SnapshotError, match="can't be opened"):
        load_snapshot(tmp_path / "a.safetensors")


def _header(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()["firstlight"]
