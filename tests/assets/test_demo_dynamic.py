"""The committed dynamic demo: complete, small, reproduced by its script, and opened by its name."""

import json

import numpy as np
import pytest
from PIL import Image

from core.datasets import open_dataset
from tests.assets.scripts import ASSETS, premultiplied, script_named

DEMO = ASSETS / "demo_dynamic"
SIZE = 200
SPLITS = {"train": 120, "test": 20}


@pytest.fixture(scope="module")
def script():
    return script_named("make_demo_dynamic")


def frames(split: str) -> list[dict]:
    return json.loads((DEMO / f"transforms_{split}.json").read_text())["frames"]


def picture(split: str, i: int) -> np.ndarray:
    """(SIZE, SIZE, 4) premultiplied, 0 to 1."""
    return premultiplied(DEMO / split / f"r_{i}.png")


@pytest.mark.parametrize(("split", "count"), SPLITS.items())
def test_frames_and_images_correspond_one_to_one(split, count):
    named = [DEMO / f"{frame['file_path']}.png" for frame in frames(split)]
    assert len(named) == count
    assert sorted(path.resolve() for path in named) == sorted((DEMO / split).iterdir())
    for path in named:
        with Image.open(path) as image:
            assert (image.size, image.mode) == ((SIZE, SIZE), "RGBA")


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 5e6


def test_its_name_opens_it_with_its_times_and_its_box():
    dataset = open_dataset("demo-dynamic")
    assert dataset.path == DEMO and dataset.train.moves
    for views, split in ((dataset.train, "train"), (dataset.test, "test")):
        np.testing.assert_allclose(views.cameras.times, [frame["time"] for frame in frames(split)], atol=1e-7)
    assert dataset.box == tuple(json.loads((DEMO / "transforms_train.json").read_text())["aabb"])


def test_times_cover_the_sequence_and_test_times_are_in_between():
    train, test = ([frame["time"] for frame in frames(split)] for split in SPLITS)
    assert train[0] == 0.0 and train[-1] == 1.0 and (np.diff(train) > 0.0).all()
    assert not set(train) & set(test) and min(test) > 0.0 and max(test) < 1.0


def test_every_run_of_views_covers_all_directions():
    """Otherwise motion would be indistinguishable from a change of viewpoint."""
    centres = np.array([frame["transform_matrix"] for frame in frames("train")])[:, :3, 3]
    turns = np.arctan2(centres[:, 1], centres[:, 0])
    for first in range(len(turns) - 8):
        gaps = np.diff(np.sort(turns[first : first + 8]), append=turns[first : first + 8].min() + 2 * np.pi)
        assert gaps.max() < np.radians(110)
        heights = centres[first : first + 8, 2]
        assert heights.max() - heights.min() > 2.0


def test_background_is_black_and_transparent_and_the_border_is_empty():
    for split, count in SPLITS.items():
        for i in range(0, count, 5):
            rgba = np.asarray(Image.open(DEMO / split / f"r_{i}.png"))
            alpha = rgba[..., 3]
            assert (rgba[alpha == 0] == 0).all()
            assert not np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).any()


def test_the_script_reproduces_the_committed_image(script):
    """Not bitwise: another CPU may round a ray at a silhouette differently."""
    import make_demo

    shot = script.test_shots(SPLITS["test"])[10]
    stored = frames("test")[10]
    np.testing.assert_allclose(shot.c2w, stored["transform_matrix"], atol=1e-12)
    assert shot.time == stored["time"]
    rgba = make_demo.render(shot.parts, shot.c2w, SIZE) / 255
    premultiplied = np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], axis=-1)
    error = np.abs(premultiplied - picture("test", 10))
    assert error.mean() < 1e-3 and (error > 0.02).mean() < 2e-3


def test_the_motion_is_periodic_and_much_moves(script):
    start, middle, end = (script.clockwork(time) for time in (0.0, 0.5, 1.0))
    for a, b in zip(start, end, strict=True):
        np.testing.assert_allclose(np.hstack([a.origin, a.profile]), np.hstack([b.origin, b.profile]), atol=1e-9)
    moved = [not np.allclose(a.origin, b.origin) or a.profile != b.profile for a, b in zip(start, middle, strict=True)]
    assert 10 < sum(moved) < len(moved)


def test_parts_move_smoothly_and_stay_in_the_box(script):
    """Nothing jumps between 500 successive times, and rotating parts stay inside the box."""
    moments = [script.clockwork(i / 500) for i in range(501)]
    places = np.array([[np.hstack([part.origin, part.profile]) for part in parts] for parts in moments])
    assert np.abs(np.diff(places, axis=0)).max() < 0.012
    low, high = np.reshape(script.AABB, (2, 3))
    for parts in moments[::10]:
        for part in parts:
            ring, half_width, half_height, rounding = part.profile
            axis = part.frame[2]
            reach = (ring + half_width) * np.sqrt(1 - axis**2) + half_height * np.abs(axis) + rounding
            assert (part.origin - reach > low).all() and (part.origin + reach < high).all()


def test_a_small_dataset_can_be_made(script, tmp_path, capsys):
    assert script.main(["--output", str(tmp_path / "demo"), "--size", "16", "--views", "6"]) == 0
    written = sorted(path.relative_to(tmp_path / "demo").as_posix() for path in tmp_path.rglob("*") if path.is_file())
    pictures = ["test/r_0.png", *(f"train/r_{i}.png" for i in range(6))]
    assert written == [*pictures, "transforms_test.json", "transforms_train.json"]
    assert script.main(["--output", str(tmp_path / "demo")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
