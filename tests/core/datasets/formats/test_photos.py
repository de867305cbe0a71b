"""Plain photos: their poses are found and cached, and photos that can't be placed are reported."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets import open_dataset
from core.datasets.formats import photos
from core.datasets.loading.pose_search import STAGES
from core.errors import DatasetError, SnapshotError
from core.training.snapshot import load_snapshot, save_snapshot
from tests.photos import store_sideways
from tests.viewer.live import tiny_trainer

N_PHOTOS = 10


@pytest.fixture(scope="module")
def fox_photos(tmp_path_factory, data) -> Path:
    """Neighbouring photos of the fox, reduced, without their poses."""
    folder = tmp_path_factory.mktemp("photos") / "fox"
    folder.mkdir()
    for path in sorted((data / "fox" / "images").iterdir())[:N_PHOTOS]:
        with Image.open(path) as image:
            image.reduce(4).save(folder / path.name, quality=95)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, cache):
    monkeypatch.setattr(photos, "user_folder", lambda: cache)


def aligned_error(found: np.ndarray, true: np.ndarray) -> float:
    """The mean distance of points (n, 3) from true ones after the best similarity (Umeyama 1991), as a share of the
    true ones' extent."""
    a, b = found - found.mean(0), true - true.mean(0)
    left, sizes, right = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (sizes * signs).sum() / (a**2).sum()
    errors = np.linalg.norm(scale * a @ (left @ np.diag(signs) @ right).T - b, axis=1)
    return float(errors.mean() / np.linalg.norm(np.ptp(true, axis=0)))


def test_photos_are_placed_where_they_were_taken(fox_photos, data, cache):
    updates = []
    dataset = open_dataset(fox_photos, progress=lambda share, text: updates.append((share, text)))
    assert dataset.format == "photos"
    assert dataset.notes[0] == f"All {N_PHOTOS} photos were placed."
    frames = json.loads((data / "fox" / "transforms.json").read_text())["frames"]
    true = {Path(frame["file_path"]).name: np.array(frame["transform_matrix"])[:3, 3] for frame in frames}
    found = np.concatenate([views.cameras.c2w[:, :3, 3].numpy() for views in (dataset.train, dataset.test)])
    names = [*dataset.train.names, *dataset.test.names]
    assert aligned_error(found.astype(float), np.array([true[name] for name in names])) < 0.01
    assert float(dataset.train.cameras.K[0, 0, 0]) == pytest.approx(1375.52 / 4, rel=0.1)
    shares = [share for share, _ in updates]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert {text.split(":")[0] for _, text in updates} & set(STAGES)
    assert not list(fox_photos.glob("*.db")), "nothing must be written among the photos"
    assert not list(cache.rglob("*.db")), "temporary files of the search must be removed"


def test_the_search_is_not_repeated(fox_photos, monkeypatch):
    first = open_dataset(fox_photos)
    monkeypatch.setattr(photos, "_Search", None)
    again = open_dataset(fox_photos)
    assert again.train.names == first.train.names
    assert np.array_equal(again.train.cameras.c2w, first.train.cameras.c2w)


def test_another_photo_needs_another_search(fox_photos, tmp_path, monkeypatch):
    open_dataset(fox_photos)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in fox_photos.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    model = photos._cached(copy, [path.name for path in sorted(copy.iterdir())], True)[0]
    assert model.is_dir(), "the same photos in another folder share the cache"
    first = next(iter(sorted(copy.iterdir())))
    with Image.open(first) as image:
        image.rotate(1).save(first)
    assert not photos._cached(copy, [path.name for path in sorted(copy.iterdir())], True)[0].exists()


def test_a_cancelled_search_stops_and_resumes_later(fox_photos, tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "user_folder", lambda: tmp_path)

    def cancel(share, text):
        if list(tmp_path.rglob("database.db")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset(fox_photos, progress=cancel)
    assert not any(thread.name == "poses" for thread in threading.enumerate())
    assert list(tmp_path.rglob("database.db")) and not list(tmp_path.rglob("cameras.bin"))
    assert open_dataset(fox_photos).notes[0].startswith("All")


def test_photos_with_nothing_in_common_are_refused(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(4):
        noise = generator.integers(0, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(tmp_path / f"{index}.png")
    with pytest.raises(DatasetError, match="too little in common") as caught:
        open_dataset(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_damaged_photo_is_named_before_the_search(tmp_path):
    for index in range(4):
        (tmp_path / f"{index}.jpg").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"0\.jpg can't be read"):
        open_dataset(tmp_path)


def test_photos_are_placed_upright_however_they_are_stored(fox_photos, data, tmp_path):
    """Rotated by tags, cropped, as WebP: pycolmap gets copies that it can read, which are deleted later."""
    for index, path in enumerate(sorted(fox_photos.iterdir())):
        if index % 2:
            with Image.open(path) as image:
                image.crop((0, 0, 270, 460)).save(tmp_path / f"{path.stem}.webp", quality=95)
        else:
            (tmp_path / path.name).write_bytes(path.read_bytes())
            store_sideways(tmp_path / path.name)
    updates = []
    dataset = open_dataset(tmp_path, progress=lambda share, text: updates.append((share, text)))
    assert dataset.notes[0] == f"All {N_PHOTOS} photos were placed."
    assert dataset.notes[1] == f"{N_PHOTOS // 2} photos are turned upright, as their orientation tags say."
    train = dataset.train
    for index, name in enumerate(train.names):
        assert train.image(index).shape == ((460, 270, 3) if name.endswith(".webp") else (480, 270, 3))
        assert (tmp_path / name).is_file()
    frames = json.loads((data / "fox" / "transforms.json").read_text())["frames"]
    true = {Path(frame["file_path"]).stem: np.array(frame["transform_matrix"]) for frame in frames}
    poses = np.stack([true[Path(name).stem] for name in train.names])
    found = train.cameras.c2w.numpy().astype(float)
    assert aligned_error(found[:, :3, 3], poses[:, :3, 3]) < 0.02
    turns = [a[:3, :3] @ b[:3, :3].T for a, b in zip(poses, found, strict=True)]
    between = [np.degrees(np.arccos(np.clip((np.trace(turns[0].T @ t) - 1.0) / 2.0, -1.0, 1.0))) for t in turns]
    assert max(between) < 3.0, "one rotation takes all found cameras to the true ones, so none is on its side"
    shares = [share for share, _ in updates]
    assert shares == sorted(shares) and (0.0, f"copying photos upright: 1 of {N_PHOTOS}") in updates
    assert not list(photos.user_folder().rglob("*.png"))


def test_copies_of_an_interrupted_search_are_reused(tmp_path, monkeypatch):
    pictures, copied = tmp_path / "photos", []
    pictures.mkdir()
    for index in range(3):
        Image.new("RGB", (30, 20), (9, index, 9)).save(pictures / f"{index}.webp")
    monkeypatch.setattr(photos, "user_folder", lambda: tmp_path / "cache")
    read = photos.read_image
    monkeypatch.setattr(photos, "read_image", lambda path, *rest: copied.append(path.name) or read(path, *rest))

    def cancel(share, text):
        if "3 of 3" in text or "features" in text:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            open_dataset(pictures, progress=cancel)
    assert copied == ["0.webp", "1.webp"]


def test_a_snapshot_remembers_the_poses_of_its_photos(fox_photos, tmp_path):
    trainer = tiny_trainer(open_dataset(fox_photos))
    trainer.step()
    save_snapshot(tmp_path / "good.safetensors", trainer)
    assert load_snapshot(tmp_path / "good.safetensors").step_count == 1
    trainer.dataset.train.cameras.c2w[:, :3, 3] *= 1.5  # another search may scale the scene like this
    save_snapshot(tmp_path / "other.safetensors", trainer)
    with pytest.raises(SnapshotError, match="other poses"):
        load_snapshot(tmp_path / "other.safetensors")


def test_two_photos_are_no_dataset(tmp_path):
    for index in range(2):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{index}.png")
    with pytest.raises(DatasetError, match="is not a dataset"):
        open_dataset(tmp_path)


def test_photos_that_could_not_be_placed_are_named(fox_photos, tmp_path):
    for path in fox_photos.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    Image.effect_noise((270, 480), 90).convert("RGB").save(tmp_path / "9999.jpg")
    notes = open_dataset(tmp_path).notes
    assert notes[0] == (
        f"{N_PHOTOS} of {N_PHOTOS + 1} photos were placed; the others share too little with them: 9999.jpg."
    )
