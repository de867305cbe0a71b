"""The one projection of points to pixels."""

import math

import numpy as np
import pytest
import torch

from core.geometry.cameras import image_points, look_at
from viewer.input.orbit import at_view
from viewer.picture.camera import camera_of
from viewer.picture.projection import Projection
from viewer.protocol.requests import Pose

C2W = look_at((1.0, -4.0, 0.5), (0.1, 0.2, 0.0))
POSE = Pose(tuple(C2W.double().ravel().tolist()), math.radians(50.0))
PICTURE = Projection(POSE, 40, 30)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (50, 3))


def test_it_agrees_with_the_datasets_cameras(points):
    camera = camera_of(POSE, 40, 30, "cpu").to(torch.float64)
    expected = image_points(camera, torch.from_numpy(points) - camera.c2w[:3, 3])
    found = PICTURE.pixels(PICTURE.local(points))
    np.testing.assert_allclose(np.stack(found), torch.stack(expected).numpy(), atol=1e-4)


def test_a_ray_goes_where_its_point_is_seen(points):
    for point in points[:5]:
        x, y, depth = PICTURE.seen_at(point)
        away = point - PICTURE.position
        np.testing.assert_allclose(PICTURE.direction(x, y), away / np.linalg.norm(away), atol=1e-6)
        column, row = np.array([x - 0.5]), np.array([y - 0.5])
        assert PICTURE.distances(column, row, np.array([depth]))[0] == pytest.approx(np.linalg.norm(away))


def test_nothing_is_seen_behind_the_camera():
    assert PICTURE.seen_at(PICTURE.position + PICTURE.c2w[:3, 2]) is None


def test_the_orbiting_camera_sees_the_same_in_picture_heights(points):
    camera = at_view(np.array(POSE.c2w).reshape(4, 4), POSE.fov_y, np.zeros(3))
    for point in points[:5]:
        u, v = camera.seen_at(point - camera.position)
        x, y, _ = PICTURE.seen_at(point)
        assert (u, v) == (pytest.approx((x - 20.0) / 30.0), pytest.approx((y - 15.0) / 30.0))
