"""The table of views: thumbnails and PSNRs, slice by slice."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.datasets.dataset import Views
from core.geometry.cameras import Camera
from core.rendering.metrics import evaluate
from core.training.trainer import Trainer
from tests.ball import mixed_ball_views
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset
from viewer.scene.open_scene import OpenScene
from viewer.tools import images
from viewer.tools.images import ImagesTool, draw_thumbnail, thumbnail_size

N_TRAIN, N = 12, 15


def scene(dataset=None) -> OpenScene:
    return OpenScene(Trainer(dataset or ball_dataset(), SMALL_FIELD, SMALL_TRAINING))


@pytest.fixture
def opened():
    return scene()


def finish(tool: ImagesTool, opened: OpenScene) -> list[int]:
    """Run slices until nothing is left to do; returns the views in the order in which they were measured."""
    order, before = [], None
    while tool.slice(opened):
        after = tool.result.steps
        if before is not None:
            order += np.flatnonzero(after != before).tolist()
        before = after
    return order


def test_it_does_nothing_before_it_is_asked_and_after_it_is_stopped(opened):
    tool = ImagesTool()
    tool.new_scene(opened)
    assert not tool.slice(opened) and tool.result is None
    tool.ask(frozenset(), opened)
    assert tool.slice(opened)
    tool.ask(None, opened)
    assert not tool.slice(opened)
    assert tool.result.scene is opened.info


def test_every_psnr_equals_the_evaluations(opened):
    for _ in range(20):
        opened.step()
    tool = ImagesTool()
    tool.ask(frozenset(), opened)
    finish(tool, opened)
    trainer = opened.trainer
    whole = [
        score.psnr
        for views in (trainer.dataset.train, trainer.dataset.test)
        for score in evaluate(trainer.field, trainer.sampler, views, trainer.settings.march, torch.ones(3)).per_view
    ]
    np.testing.assert_allclose(tool.result.psnrs, whole, atol=1e-3)
    assert (tool.result.steps == 20).all()


def test_views_in_sight_are_measured_first_and_more_often(opened):
    tool, in_sight = ImagesTool(), frozenset({5, 7, 13})
    tool.ask(in_sight, opened)
    order = finish(tool, opened)
    assert set(order[:3]) == in_sight and sorted(order) == list(range(N))
    counts = np.zeros(N, int)
    for _ in range(120):
        opened.step()
        before = tool.result.steps
        assert tool.slice(opened)
        counts[tool.result.steps != before] += 1
    seen = sorted(in_sight)
    assert counts.min() > 0
    assert counts[seen].mean() > 2.0 * np.delete(counts, seen).mean()


def test_recent_figures_are_not_measured_again(opened):
    for _ in range(60):
        opened.step()
    tool = ImagesTool()
    tool.ask(frozenset(), opened)
    finish(tool, opened)
    opened.step()
    assert not tool.slice(opened)
    for _ in range(5):
        opened.step()
    assert tool.slice(opened)


def test_figures_are_measured_again_after_training_went_back(opened):
    opened.step()
    tool = ImagesTool()
    tool.ask(frozenset(), opened)
    finish(tool, opened)
    tool.result = replace(tool.result, steps=np.full(N, opened.trainer.step_count + 50))
    finish(tool, opened)
    assert (tool.result.steps == opened.trainer.step_count).all()


def test_views_in_sight_that_the_scene_lacks_are_ignored(opened):
    tool = ImagesTool()
    tool.ask(frozenset({3, N, 1000}), opened)
    order = finish(tool, opened)
    assert order[0] == 3 and sorted(order) == list(range(N))


def test_arrays_that_were_handed_over_are_not_written_to_again(opened):
    tool = ImagesTool()
    tool.ask(frozenset(), opened)
    while tool.result.thumbnails is None:
        tool.slice(opened)
    handed = tool.result
    copies = [x.copy() for x in (handed.thumbnails, handed.psnrs, handed.steps)]
    finish(tool, opened)
    for _ in range(10):
        opened.step()
    finish(tool, opened)
    for array, copy in zip((handed.thumbnails, handed.psnrs, handed.steps), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_reset_voids_the_figures_and_keeps_the_thumbnails(opened):
    tool = ImagesTool()
    tool.ask(frozenset(), opened)
    finish(tool, opened)
    thumbnails, restarted = tool.result.thumbnails, opened.restarted(seed=0)
    tool.new_scene(restarted)
    assert tool.result.scene is restarted.info and tool.result.thumbnails is thumbnails
    assert np.isnan(tool.result.psnrs).all()
    other = scene(ball_dataset(size=16))
    tool.new_scene(other)
    assert tool.result.thumbnails is None
    finish(tool, other)
    assert tool.result.thumbnails is not thumbnails


def test_measuring_changes_nothing_that_training_depends_on():
    losses = []
    for measured in (False, True):
        opened, tool = scene(), ImagesTool()
        if measured:
            tool.ask(frozenset({1}), opened)
        for _ in range(6):
            tool.slice(opened)
            opened.step()
        losses.append(opened.losses.points)
    assert losses[0] == losses[1]


def flat_views(height, width, color=(200, 100, 50, 255)) -> Views:
    cameras = Camera(torch.eye(4)[None], torch.eye(3)[None], width, height)
    return Views(cameras, torch.tensor(color, dtype=torch.uint8).expand(1, height, width, 4).contiguous(), ("r_0",))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (800, 800), (300, 40), (9, 200), (2, 2)])
def test_a_thumbnail_is_the_photo_centred_on_a_transparent_ground(height, width):
    picture = np.zeros((64, 96, 4), np.uint8)
    draw_thumbnail(flat_views(height, width), 0, picture)
    drawn = picture[..., 3] > 0
    assert (picture[drawn] == (200, 100, 50, 255)).all() and (picture[~drawn] == 0).all()
    rows, columns = (int(drawn.any(axis).sum()) for axis in (1, 0))
    assert rows == 64 or columns == 96
    assert drawn.sum() == rows * columns
    assert abs(rows * width - columns * height) <= max(width, height)
    assert abs(int(drawn.any(1).argmax()) - int(drawn[::-1].any(1).argmax())) <= 1


def test_transparent_photos_lie_over_white_and_keep_their_mean():
    views = ball_dataset().train
    picture = np.zeros((8, 8, 4), np.uint8)
    draw_thumbnail(views, 0, picture)
    expected = views.photo(0, torch.ones(3)).view(8, 4, 8, 4, 3).mean((1, 3))
    np.testing.assert_allclose(picture[..., :3] / 255.0, expected, atol=1.1 / 255)


@pytest.mark.parametrize(
    ("n", "width", "height"), [(1, 800, 800), (300, 504, 378), (100, 1080, 1920), (9000, 800, 600)]
)
def test_all_thumbnails_together_stay_small_and_keep_their_shape(n, width, height):
    across, down = thumbnail_size(n, width, height)
    assert across <= 96 and down <= 64
    assert n * across * down <= 1.1 * images.MOST_PIXELS
    assert across / down == pytest.approx(width / height, rel=0.05)


def test_photos_of_several_sizes_each_keep_their_shape():
    dataset = replace(ball_dataset(), train=mixed_ball_views(N_TRAIN, sizes=((32, 32), (48, 24))))
    opened, tool = scene(dataset), ImagesTool()
    tool.ask(frozenset(), opened)
    assert sorted(finish(tool, opened)) == list(range(N))
    drawn = [(picture[..., 3] > 0).any(axis) for picture in tool.result.thumbnails[:2] for axis in (0, 1)]
    square, wide = drawn[:2], drawn[2:]
    assert square[0].sum() == square[1].sum() and wide[0].sum() == 2 * wide[1].sum()


def test_a_test_split_of_another_size_is_measured_as_well():
    dataset = ball_dataset()
    opened = scene(replace(dataset, test=ball_dataset(size=20).test))
    tool = ImagesTool()
    tool.ask(frozenset(), opened)
    assert sorted(finish(tool, opened)) == list(range(N))
    assert np.isfinite(tool.result.psnrs[N_TRAIN:]).all()
