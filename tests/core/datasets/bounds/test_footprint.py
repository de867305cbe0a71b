"""Pixels across a box: they grow with images and box, and depend on neither units nor position."""

from dataclasses import replace

import pytest
import torch

from core.datasets.bounds.footprint import pixels_across
from core.geometry.boxes import scale_box
from core.geometry.cameras import Camera
from tests.ball import ball_views
from tests.scenes import BALL_RADIUS, BOX


def cameras(size=32) -> Camera:
    return ball_views(12, size, 0, (0.0, 0.0, 0.0), BALL_RADIUS).cameras


def scaled(batch: Camera, factor: float) -> Camera:
    c2w = batch.c2w.clone()
    c2w[:, :3, 3] *= factor
    return replace(batch, c2w=c2w)


def test_a_camera_sees_focal_length_over_distance_pixels_per_unit():
    batch = cameras()
    batch = replace(batch, c2w=batch.c2w[:1], K=batch.K[:1])
    distance = float(batch.c2w[0, :3, 3].norm())
    assert pixels_across(batch, BOX) == pytest.approx(2.0 * float(batch.K[0, 0, 0]) / distance, rel=1e-5)


def test_they_grow_with_the_images_and_with_the_box():
    batch, pixels = cameras(), pixels_across(cameras(), BOX)
    assert pixels_across(batch.resized(64, 64), BOX) == pytest.approx(2.0 * pixels, rel=1e-5)
    assert pixels_across(batch, scale_box(BOX, 0.5)) == pytest.approx(0.5 * pixels, rel=1e-5)


@pytest.mark.parametrize("factor", [1e-3, 40.0])
def test_the_scenes_units_change_nothing(factor):
    box = tuple(factor * x for x in BOX)
    assert pixels_across(scaled(cameras(), factor), box) == pytest.approx(pixels_across(cameras(), BOX), rel=1e-4)


def test_cameras_at_the_centre_of_the_box_give_a_finite_number():
    batch = scaled(cameras(), 0.0)
    assert pixels_across(batch, BOX) == pytest.approx(2.0 * float(batch.K[0, 0, 0]), rel=1e-5)
    assert torch.isfinite(torch.tensor(pixels_across(batch, BOX)))
