"""The committed unbounded demo: complete, small, reproduced by its script, and opened by its name as photos."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from core.datasets import open_dataset
from tests.assets.scripts import ASSETS, script_named

DEMO = ASSETS / "demo_unbounded"
SIZE = 176
SPLITS = {"train": 100, "test": 16}


@pytest.fixture(scope="module")
def script():
    return script_named("make_demo_unbounded")


@pytest.fixture(scope="module")
def dataset():
    return open_dataset("demo-unbounded")


def document() -> dict:
    return json.loads((DEMO / "transforms.json").read_text())


def test_frames_and_images_correspond_one_to_one():
    named = [DEMO / frame["file_path"] for frame in document()["frames"]]
    assert len(named) == sum(SPLITS.values())
    assert sorted(named) == sorted((DEMO / "images").iterdir())
    for path in named:
        with Image.open(path) as image:
            assert (image.size, image.mode) == ((SIZE, SIZE), "RGB")


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 5e6


def test_its_name_opens_it_with_its_splits_in_nested_boxes_around_the_table(dataset):
    assert dataset.path == DEMO and not dataset.train.has_silhouettes
    assert {"train": len(dataset.train), "test": len(dataset.test)} == SPLITS
    assert dataset.n_levels > 3 and dataset.up == (0.0, 0.0, 1.0)
    low, high = np.reshape(dataset.box, (2, 3))
    assert (low < -1.4).all() and (high > 1.4).all() and (high - low).max() < 6.0
    assert 0.0 < dataset.near_plane < 1.0


def test_much_of_the_images_is_outside_all_boxes(dataset, script):
    """Everything above the horizon; otherwise no contraction would be needed."""
    above = []
    for c2w in dataset.train.cameras.c2w[:, :3].double().numpy():
        dirs = script.camera_dirs(np.vstack([c2w, [0, 0, 0, 1]]), 16, 1, script.ANGLE)[..., 0]
        above.append((dirs[:, 2] > 0.0).mean())
    assert max(above) > 0.3 and np.mean(np.array(above) > 0.05) > 0.3


def test_the_table_is_in_the_middle_and_its_surroundings_are_far_away(script):
    valley = sys.modules["demo_valley"]
    for part in valley.still_life():
        ring, half_width, half_height, rounding = part.profile
        turns, width = np.linspace(0, 2 * np.pi, 32), ring + half_width
        for side in (-half_height, half_height):
            rim = np.stack([width * np.cos(turns), width * np.sin(turns), np.full(32, side)])
            reach = np.linalg.norm(part.origin[:, None] + part.frame.T @ rim, axis=0).max() + rounding
            assert reach < 1.4, "make_demo only traces up to 1.4 in front of and behind the origin"
    for shape in valley.SHAPES:
        assert np.hypot(*shape.centre[:2, 0]) - shape.halves.max() > 3.9, "a camera is inside a tree"
    radii = [ridge.radius for ridge in valley.RIDGES]
    assert radii == sorted(radii) and radii[-1] > 100 * 3.8


def test_surfaces_are_hit_where_they_are(script):
    """Closed-form hits satisfy the surface equations, and the nearest surface wins."""
    valley, rng = sys.modules["demo_valley"], np.random.default_rng(0)
    origin, dirs = np.array([3.0, -1.0, 0.5]), rng.normal(size=(3, 500))
    dirs /= np.linalg.norm(dirs, axis=0)
    points = origin[:, None] + valley._to_wall(origin, dirs, 34.0) * dirs
    np.testing.assert_allclose(np.hypot(points[0], points[1]), 34.0, rtol=1e-9)
    shape = valley.SHAPES[0]
    towards = shape.centre - origin[:, None] + 0.3 * shape.halves * rng.normal(size=(3, 200))
    towards /= np.linalg.norm(towards, axis=0)
    t = valley._to_ellipsoid(shape, origin[:, None], towards)
    met = origin[:, None] + t[np.isfinite(t)] * towards[:, np.isfinite(t)]
    assert met.shape[1] > 100
    np.testing.assert_allclose((((met - shape.centre) / shape.halves) ** 2).sum(0), 1.0, rtol=1e-9)


def test_the_script_reproduces_the_committed_image(script, dataset):
    """Up to JPEG loss."""
    pose = script.test_poses(SPLITS["test"])[5]
    np.testing.assert_allclose(pose, document()["frames"][SPLITS["train"] + 5]["transform_matrix"], atol=1e-12)
    coarse = script.render(pose, 44, subsamples=2) / 255
    photo = dataset.test.photo(5, torch.ones(3)).numpy().reshape(44, 4, 44, 4, 3).mean((1, 3))
    assert np.abs(coarse - photo).mean() < 0.02


def test_a_small_dataset_can_be_made(script, tmp_path, capsys):
    assert script.main(["--output", str(tmp_path / "demo"), "--size", "12", "--views", "3"]) == 0
    written = sorted(path.relative_to(tmp_path / "demo").as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == ["images/test_000.jpg", *(f"images/train_{i:03d}.jpg" for i in range(3)), "transforms.json"]
    assert script.main(["--output", str(tmp_path / "demo")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
