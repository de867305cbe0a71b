from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset
from viewer.picture.dataset_drawing import BOX, HEIGHT, POINT, TEST, TRAINING, WIDTH, draw_dataset, round_below
from viewer.scene.open_scene import describe


@pytest.fixture(scope="module")
def info():
    return describe(Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING))


def where(picture, color) -> np.ndarray:
    """Rows and columns of the pixels of a colour, (n, 2), without the legend."""
    return np.argwhere((picture[: HEIGHT - 50, :, :3] == color).all(-1) & (picture[: HEIGHT - 50, :, 3] > 0))


def test_cameras_and_box_are_seen_from_both_sides_and_nothing_else(info):
    picture = draw_dataset(info)
    assert picture.shape == (HEIGHT, WIDTH, 4) and picture.dtype == np.uint8
    for color in (TRAINING, TEST, BOX):
        columns = where(picture, color)[:, 1]
        assert (columns < WIDTH // 2).sum() > 20 and (columns >= WIDTH // 2).sum() > 20
    assert not len(where(picture, POINT))
    assert (picture[..., 3] == 0).mean() > 0.7


def test_points_are_drawn_in_their_own_colours_or_all_in_one(info):
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (200, 3)).astype(np.float32)
    assert len(where(draw_dataset(replace(info, points=points)), POINT)) > 100
    red = np.tile(np.float32([1.0, 0.0, 0.0]), (200, 1))
    picture = draw_dataset(replace(info, points=points, point_colors=red))
    assert len(where(picture, (255, 0, 0))) > 100 and not len(where(picture, POINT))


def test_what_is_up_in_the_scene_is_up_from_the_side(info):
    """One camera high above the others."""
    cameras = info.cameras.copy()
    cameras[:, :3, 3] = 0.1 * cameras[:, :3, 3] + np.float32([0.0, 5.0, 0.0]) * (np.arange(len(cameras)) == 0)[:, None]
    scene = replace(info, cameras=cameras, test_cameras=cameras[:0])
    rows = {up: where(draw_dataset(replace(scene, up=(0.0, up, 0.0))), TRAINING) for up in (1.0, -1.0)}
    beside = {up: at[at[:, 1] >= WIDTH // 2][:, 0] for up, at in rows.items()}
    assert np.median(beside[1.0]) > 2.0 * beside[1.0].min(), "it is far above"
    assert HEIGHT - np.median(beside[-1.0]) > 1.5 * (HEIGHT - beside[-1.0].max()), "it is far below"


def test_a_camera_far_off_stands_at_the_border_and_makes_nothing_small(info):
    cameras = info.cameras.copy()
    cameras[0, :3, 3] *= 1000.0
    boxes = [where(draw_dataset(replace(info, cameras=c)), BOX) for c in (info.cameras, cameras)]
    assert len(boxes[1]) > 0.9 * len(boxes[0])
    lone = replace(info, cameras=cameras[:1].repeat(9, 0), test_cameras=info.cameras)
    lone.cameras[1:] = info.cameras[1:9]
    columns = where(draw_dataset(lone), TRAINING)[:, 1]
    assert columns.min() < 20 or columns.max() > WIDTH - 20


@pytest.mark.parametrize("far", [1e-4, 1e6])
def test_any_size_of_a_scene_fills_the_drawing(info, far):
    cameras = info.cameras.copy()
    cameras[:, :3, 3] *= far
    scene = replace(info, cameras=cameras, test_cameras=cameras[:1], box=tuple(far * x for x in info.box))
    at = where(draw_dataset(scene), BOX)
    same = where(draw_dataset(replace(info, test_cameras=info.cameras[:1])), BOX)
    assert abs(len(at) - len(same)) < 0.1 * len(same)


@given(st.floats(1e-6, 1e6))
def test_the_scales_bar_is_round_and_hardly_too_short(length):
    found = round_below(length)
    assert found <= length * (1.0 + 1e-9) and found > 0.39 * length
    assert f"{found:.0e}"[0] in "125" and float(f"{found:.0e}") == pytest.approx(found)
