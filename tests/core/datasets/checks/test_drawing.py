from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.datasets.checks.drawing import (
    HEIGHT,
    ON_DARK,
    ON_WHITE,
    WIDTH,
    draw_dataset,
    round_below,
    save_drawing,
)
from core.datasets.dataset import Dataset
from core.errors import FirstlightError
from tests.scenes import ball_dataset

TRAINING, TEST, BOX, POINT = ON_DARK.training, ON_DARK.test, ON_DARK.box, ON_DARK.point


@pytest.fixture(scope="module")
def dataset():
    return ball_dataset()


def with_cameras(dataset: Dataset, train: np.ndarray, test: np.ndarray | None = None) -> Dataset:
    """The dataset with other poses (n, 4, 4), possibly of fewer cameras."""
    views = [
        views
        if c2w is None
        else replace(
            views,
            cameras=replace(views.cameras[:1], c2w=torch.from_numpy(c2w), K=views.cameras.K[:1].expand(len(c2w), 3, 3)),
            names=("view",) * len(c2w),
        )
        for views, c2w in ((dataset.train, train), (dataset.test, test))
    ]
    return replace(dataset, train=views[0], test=views[1])


def poses(dataset: Dataset) -> np.ndarray:
    return dataset.train.cameras.c2w.numpy().copy()


def where(picture, color) -> np.ndarray:
    """Rows and columns of the pixels of a colour, (n, 2), without the legend."""
    return np.argwhere((picture[: HEIGHT - 50, :, :3] == color).all(-1) & (picture[: HEIGHT - 50, :, 3] > 0))


def test_cameras_and_box_appear_in_both_views_and_nothing_else(dataset):
    picture = draw_dataset(dataset)
    assert picture.shape == (HEIGHT, WIDTH, 4) and picture.dtype == np.uint8
    for color in (TRAINING, TEST, BOX):
        columns = where(picture, color)[:, 1]
        assert (columns < WIDTH // 2).sum() > 20 and (columns >= WIDTH // 2).sum() > 20
    assert not len(where(picture, POINT))
    assert (picture[..., 3] == 0).mean() > 0.7


def test_points_are_drawn_in_their_own_colours_or_all_in_one(dataset):
    points = torch.from_numpy(np.random.default_rng(0).uniform(-0.8, 0.8, (200, 3)).astype(np.float32))
    assert len(where(draw_dataset(replace(dataset, points=points)), POINT)) > 100
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).expand(200, 3)
    picture = draw_dataset(replace(dataset, points=points, point_colors=red))
    assert len(where(picture, (255, 0, 0))) > 100 and not len(where(picture, POINT))


def test_the_scenes_up_points_up_in_the_side_view(dataset):
    """One camera is high above the others."""
    cameras = poses(dataset)
    cameras[:, :3, 3] = 0.1 * cameras[:, :3, 3] + np.float32([0.0, 5.0, 0.0]) * (np.arange(len(cameras)) == 0)[:, None]
    scene = with_cameras(dataset, cameras, cameras[:0])
    rows = {up: where(draw_dataset(replace(scene, up=(0.0, up, 0.0))), TRAINING) for up in (1.0, -1.0)}
    beside = {up: at[at[:, 1] >= WIDTH // 2][:, 0] for up, at in rows.items()}
    assert np.median(beside[1.0]) > 2.0 * beside[1.0].min(), "it should be drawn far above"
    assert HEIGHT - np.median(beside[-1.0]) > 1.5 * (HEIGHT - beside[-1.0].max()), "it should be drawn far below"


def test_a_distant_camera_is_drawn_at_the_border_and_shrinks_nothing(dataset):
    cameras = poses(dataset)
    cameras[0, :3, 3] *= 1000.0
    boxes = [where(draw_dataset(with_cameras(dataset, c)), BOX) for c in (poses(dataset), cameras)]
    assert len(boxes[1]) > 0.9 * len(boxes[0])
    one_lost = np.concatenate([cameras[:1], poses(dataset)[1:9]])
    columns = where(draw_dataset(with_cameras(dataset, one_lost, poses(dataset))), TRAINING)[:, 1]
    assert columns.min() < 20 or columns.max() > WIDTH - 20


@pytest.mark.parametrize("far", [1e-4, 1e6])
def test_a_scene_of_any_size_fills_the_drawing(dataset, far):
    cameras = poses(dataset)
    cameras[:, :3, 3] *= far
    scene = replace(with_cameras(dataset, cameras, cameras[:1]), box=tuple(far * x for x in dataset.box))
    at = where(draw_dataset(scene), BOX)
    same = where(draw_dataset(with_cameras(dataset, poses(dataset), poses(dataset)[:1])), BOX)
    assert abs(len(at) - len(same)) < 0.1 * len(same)


@given(st.floats(1e-6, 1e6))
def test_the_scale_bar_is_round_and_not_much_too_short(length):
    found = round_below(length)
    assert found <= length * (1.0 + 1e-9) and found > 0.39 * length
    assert f"{found:.0e}"[0] in "125" and float(f"{found:.0e}") == pytest.approx(found)


def test_a_drawing_is_saved_larger_on_white_and_overwrites_nothing(dataset, tmp_path):
    path = tmp_path / "cameras.png"
    save_drawing(path, dataset)
    with Image.open(path) as image:
        assert image.mode == "RGB" and image.size == (2 * WIDTH, 2 * HEIGHT)
        pixels = np.asarray(image).astype(int)
    for color in (ON_WHITE.training, ON_WHITE.test, ON_WHITE.box):
        assert (np.abs(pixels - color).max(-1) < 8).sum() > 20
    assert (pixels == 255).all(-1).mean() > 0.7
    with pytest.raises(FirstlightError, match="exists already"):
        save_drawing(path, dataset)


def test_points_at_the_edge_of_a_half_are_drawn_in_full(dataset):
    far = torch.tensor(np.random.default_rng(1).uniform(-40.0, 40.0, (20_000, 3)), dtype=torch.float32)
    drawn = draw_dataset(replace(dataset, points=far))
    assert drawn.shape == (HEIGHT, WIDTH, 4) and len(where(drawn, POINT)) > 100


def test_distant_points_do_not_shrink_the_scene(dataset):
    near = 0.2 * torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    far = torch.cat([near[1:], torch.tensor([[900.0, 0.0, 0.0]])])
    drawn = {
        name: draw_dataset(replace(dataset, points=points)).astype(int)
        for name, points in (("near", near), ("far", far), ("none", None))
    }
    assert (np.abs(drawn["near"] - drawn["none"]).max(-1) > 50).sum() > 100
    assert (np.abs(drawn["near"] - drawn["far"]).max(-1) > 50).sum() < 50, "only one point should be missing"
