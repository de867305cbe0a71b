"""The committed demo dataset: complete, small, geometrically consistent, and reproduced by its script."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from tests.assets.scripts import ASSETS, premultiplied, script_named

DEMO = ASSETS / "demo"
SIZE = 256
SPLITS = {"train": 100, "test": 20}


@pytest.fixture(scope="module")
def make_demo():
    return script_named("make_demo")


def document(split: str) -> dict:
    return json.loads((DEMO / f"transforms_{split}.json").read_text())


def poses(split: str) -> np.ndarray:
    return np.array([frame["transform_matrix"] for frame in document(split)["frames"]])


def picture(split: str, i: int) -> np.ndarray:
    """(SIZE, SIZE, 4) premultiplied, 0 to 1."""
    return premultiplied(DEMO / split / f"r_{i}.png")


def depth(i: int) -> np.ndarray:
    """(SIZE, SIZE) t along unit rays, inf where nothing is hit."""
    stored = np.asarray(Image.open(DEMO / "test" / f"r_{i}_depth.png"), np.float64)
    return np.where(stored > 0, stored * document("test")["depth_scale"], np.inf)


def focal() -> float:
    return 0.5 * SIZE / math.tan(0.5 * document("test")["camera_angle_x"])


def surface_points(i: int) -> np.ndarray:
    """(n, 3) points of test view i, from its depth alone: pixel centres at +0.5, OpenGL axes."""
    t, c2w = depth(i), poses("test")[i]
    row, column = np.nonzero(np.isfinite(t))
    dirs = np.stack([column + 0.5 - SIZE / 2, SIZE / 2 - row - 0.5, np.full(len(row), -focal())], axis=1)
    dirs = dirs / np.linalg.norm(dirs, axis=1, keepdims=True) @ c2w[:3, :3].T
    return c2w[:3, 3] + t[row, column, None] * dirs


@pytest.mark.parametrize(("split", "count"), SPLITS.items())
def test_frames_and_images_correspond_one_to_one(split, count):
    named = [DEMO / f"{frame['file_path']}.png" for frame in document(split)["frames"]]
    assert len(named) == count
    depths = [path.with_name(f"{path.stem}_depth.png") for path in named if split == "test"]
    assert sorted(path.resolve() for path in named + depths) == sorted((DEMO / split).iterdir())
    for path in named:
        with Image.open(path) as image:
            assert (image.size, image.mode) == ((SIZE, SIZE), "RGBA")
    for path in depths:
        with Image.open(path) as image:
            assert image.size == (SIZE, SIZE) and image.mode.startswith("I;16")


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 8e6


@pytest.mark.parametrize("split", SPLITS)
def test_cameras_are_upright_on_a_sphere_and_look_at_the_origin(split):
    c2w = poses(split)
    right, up, back, centre = np.moveaxis(c2w[:, :3], 2, 0)
    radius = np.linalg.norm(centre, axis=1)
    gram = np.swapaxes(c2w[:, :3, :3], 1, 2) @ c2w[:, :3, :3]
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-9)
    np.testing.assert_allclose(np.cross(right, up), back, atol=1e-9)
    np.testing.assert_allclose(radius, radius[0], atol=1e-9)
    np.testing.assert_allclose(back, centre / radius[:, None], atol=1e-9)
    np.testing.assert_allclose(right[:, 2], 0, atol=1e-9)
    assert (up[:, 2] > 0).all()


def test_background_is_black_and_transparent_and_the_border_is_empty():
    for split, count in SPLITS.items():
        for i in range(0, count, 5):
            rgba = np.asarray(Image.open(DEMO / split / f"r_{i}.png"))
            alpha = rgba[..., 3]
            assert (rgba[alpha == 0] == 0).all()
            assert not np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).any()
            assert 0.1 < (alpha == 255).mean() < 0.5


def test_depth_is_inside_the_aabb_and_where_the_image_is_opaque():
    aabb = np.array(document("test")["aabb"])
    for i in range(SPLITS["test"]):
        points, hit = surface_points(i), np.isfinite(depth(i))
        assert (points > aabb[:3]).all() and (points < aabb[3:]).all()
        alpha = picture("test", i)[..., 3]
        assert not hit[alpha == 0].any()
        assert hit[alpha == 1].mean() > 0.9999  # a centre ray may pass through a gap between two subsamples


def test_the_aabb_is_tight():
    points = np.concatenate([surface_points(i) for i in range(SPLITS["test"])])
    aabb = np.array(document("test")["aabb"])
    assert (points.min(0) - aabb[:3] < 0.1).all() and (aabb[3:] - points.max(0) < 0.1).all()


@pytest.mark.parametrize(("source", "target"), [(0, 1), (4, 15), (10, 11), (17, 3), (19, 8)])
def test_no_surface_is_in_front_of_what_another_view_sees(source, target):
    """A point seen in one view is at or behind the first surface in another, and some are seen in both."""
    points, c2w = surface_points(source), poses("test")[target]
    local = (points - c2w[:3, 3]) @ c2w[:3, :3]
    t = np.linalg.norm(local, axis=1)
    column = np.floor(SIZE / 2 - focal() * local[:, 0] / local[:, 2]).astype(int)
    row = np.floor(SIZE / 2 + focal() * local[:, 1] / local[:, 2]).astype(int)
    # A point doesn't project to a pixel's centre, so compare it with the nearest surface of the pixels around it.
    around = np.lib.stride_tricks.sliding_window_view(np.pad(depth(target), 1, mode="edge"), (3, 3))[row, column]
    assert (t > around.min((1, 2)) - 0.03).all()
    both = np.abs(t - depth(target)[row, column]) < 0.03
    assert both.mean() > 0.2


def test_the_script_reproduces_the_committed_image_and_depth(make_demo):
    """Not bitwise: another CPU may round a ray at a silhouette differently."""
    i = 12
    c2w = poses("test")[i]
    np.testing.assert_allclose(make_demo.test_poses(SPLITS["test"])[i], c2w, atol=1e-12)
    rgba = make_demo.render(make_demo.orrery(), c2w, SIZE) / 255
    premultiplied = np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], axis=-1)
    error = np.abs(premultiplied - picture("test", i))
    assert error.mean() < 1e-3 and (error > 0.02).mean() < 1e-3
    steps = make_demo.render_depth(make_demo.orrery(), c2w, SIZE) * document("test")["depth_scale"]
    assert (np.abs(steps - np.where(np.isfinite(depth(i)), depth(i), 0)) > 1e-3).mean() < 1e-3


def test_a_coarse_image_agrees_with_the_committed_one(make_demo):
    """One ray per pixel at another size: the image must not depend on resolution or antialiasing."""
    rgba = make_demo.render(make_demo.orrery(), poses("test")[7], 32, subsamples=1) / 255
    coarse = np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], axis=-1)
    shrunk = picture("test", 7).reshape(32, SIZE // 32, 32, SIZE // 32, 4).mean((1, 3))
    assert np.abs(coarse - shrunk).mean() < 0.06


def test_highlights_move_with_the_view(make_demo):
    """Glossy paint is brighter where it reflects the key light; without reflections all views agree."""
    normal, light, albedo = np.array([[0.0], [0.0], [1.0]]), np.ones((2, 1)), np.full((3, 1), 0.2)
    mirroring = make_demo.TO_KEY * [[1], [1], [-1]]
    aside = mirroring * [[-1], [1], [1]]
    glossy, matt = np.array([[0.07], [85], [1], [1]]), np.array([[0.0], [1], [0], [1]])

    def seen(dirs, finish):
        return make_demo.shade(albedo, normal, dirs, light, finish)

    assert (seen(mirroring, glossy) > seen(aside, glossy) + 0.5).all()
    np.testing.assert_allclose(seen(mirroring, matt), seen(aside, matt), atol=1e-12)


def test_it_refuses_to_overwrite_in_one_line(make_demo, tmp_path, capsys):
    assert make_demo.main(["--output", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_small_dataset_can_be_made(make_demo, tmp_path):
    assert make_demo.main(["--output", str(tmp_path / "demo"), "--size", "16", "--views", "5"]) == 0
    written = sorted(path.relative_to(tmp_path / "demo").as_posix() for path in tmp_path.rglob("*") if path.is_file())
    pictures = ["test/r_0.png", "test/r_0_depth.png", *(f"train/r_{i}.png" for i in range(5))]
    assert written == [*pictures, "transforms_test.json", "transforms_train.json"]
