import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config.training import TrainSettings
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from core.kernels.camera_rays import generate_rays
from viewer.input.orbit import MAX_ELEVATION, OrbitCamera, at_view, home_view, photo_view
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.scene_info import SceneInfo


def camera(position=(3.0, -2.0, 1.5), target=(0.2, 0.1, -0.3), fov_y=0.8) -> OrbitCamera:
    return at_view(look_at(position, target).numpy(), fov_y, np.array(target))


def projected(view: OrbitCamera, point: np.ndarray) -> np.ndarray:
    """(u, v) of a world point, in picture heights from the centre."""
    local = view.rotation.T @ (point - view.position)
    scale = 0.5 / math.tan(0.5 * view.fov_y) / -local[2]
    return np.array([local[0] * scale, -local[1] * scale])


def assert_orthonormal(view: OrbitCamera) -> None:
    np.testing.assert_allclose(view.rotation.T @ view.rotation, np.eye(3), atol=1e-6)
    assert np.linalg.det(view.rotation) == pytest.approx(1.0, abs=1e-6)


def test_orbit_keeps_target_and_distance():
    start = camera()
    moved = start.orbited(0.3, -0.2)
    np.testing.assert_allclose(moved.target, start.target, atol=1e-6)
    assert np.linalg.norm(moved.position - moved.target) == pytest.approx(start.distance)
    assert np.linalg.norm(moved.position - start.position) > 0.1
    assert_orthonormal(moved)


def test_orbit_turns_the_scene_with_the_cursor():
    start = camera()
    near_side = start.target + 0.5 * start.rotation[:, 2]
    right, down = start.orbited(0.05, 0.0), start.orbited(0.0, 0.05)
    assert projected(right, near_side)[0] > projected(start, near_side)[0] + 1e-3
    assert projected(down, near_side)[1] > projected(start, near_side)[1] + 1e-3


def test_orbit_never_passes_the_pole_or_tilts_the_horizon():
    view = camera()
    for du, dv in [(0.1, 0.4)] * 20 + [(-0.3, -0.7)] * 20:
        view = view.orbited(du, dv)
        assert view.rotation[2, 1] > 0.0, "the picture flipped"
        assert view.rotation[2, 0] == pytest.approx(0.0, abs=1e-6), "the horizon tilted"
        assert abs(math.asin(view.rotation[2, 2])) <= MAX_ELEVATION + 1e-6


def test_a_full_turn_returns_to_the_start():
    start = camera()
    view = start
    for _ in range(8):
        view = view.orbited(0.25, 0.0)
    np.testing.assert_allclose(view.position, start.position, atol=1e-6)
    np.testing.assert_allclose(view.rotation, start.rotation, atol=1e-6)


def test_thousands_of_small_turns_stay_a_rotation():
    view = camera()
    for i in range(3000):
        view = view.orbited(0.01, 0.01 * math.sin(i))
    assert_orthonormal(view)


def test_pan_moves_the_target_with_the_cursor():
    start = camera()
    moved = start.panned(0.2, -0.1)
    np.testing.assert_allclose(projected(moved, start.target), [0.2, -0.1], atol=1e-6)
    np.testing.assert_allclose(moved.rotation, start.rotation)
    assert moved.distance == start.distance


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.7])
def test_zoom_keeps_the_point_under_the_cursor(factor):
    start = camera()
    point = start.under_cursor(0.3, -0.25)
    np.testing.assert_allclose(projected(start, point), [0.3, -0.25], atol=1e-6)
    moved = start.zoomed(factor, 0.3, -0.25)
    np.testing.assert_allclose(projected(moved, point), [0.3, -0.25], atol=1e-6)
    assert moved.distance == pytest.approx(factor * start.distance)
    np.testing.assert_allclose(moved.rotation, start.rotation)


def test_zoom_has_limits():
    view = camera()
    for _ in range(300):
        view = view.zoomed(0.8)
    assert view.distance > 0.0
    assert np.isfinite(view.position).all()


def test_fly_moves_camera_and_target_alike():
    start = camera()
    moved = start.flown(0.0, 0.0, 1.0, 0.5)
    np.testing.assert_allclose(moved.position - start.position, moved.target - start.target, atol=1e-9)
    assert (moved.position - start.position) @ -start.rotation[:, 2] > 0.1
    raised = start.flown(0.0, 1.0, 0.0, 0.5)
    np.testing.assert_allclose((raised.position - start.position)[:2], 0.0, atol=1e-9)
    twice = start.flown(0.0, 0.0, 1.0, 0.25).flown(0.0, 0.0, 1.0, 0.25)
    np.testing.assert_allclose(twice.position, moved.position)


def test_a_training_view_is_adopted_exactly():
    # The camera is rolled to one side: the roll must not be "corrected".
    roll = np.array([[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float32)
    c2w = look_at((2.0, 1.0, 0.7), (0.0, 0.0, 0.0)).numpy() @ roll
    view = at_view(c2w, 0.7, np.zeros(3))
    assert view.pose.c2w == tuple(float(x) for x in c2w.ravel())
    assert view.pose.fov_y == 0.7
    nudged = view.orbited(1e-5, 1e-5)
    np.testing.assert_allclose(nudged.position, view.position, atol=1e-3)
    np.testing.assert_allclose(nudged.rotation, view.rotation, atol=1e-3)


def test_orbit_leaves_a_view_straight_from_above_without_a_jump():
    view = at_view(look_at((0.0, 0.0, 3.0), (0.0, 0.0, 0.0)).numpy(), 0.7, np.zeros(3))
    lowered = view.orbited(0.0, -0.01)
    np.testing.assert_allclose(lowered.position, view.position, atol=0.2)
    assert lowered.position[2] < view.position[2]
    np.testing.assert_allclose(view.orbited(0.0, 0.5).position, view.position, atol=1e-6)


def test_the_target_lies_in_front_even_if_the_scene_lies_behind():
    c2w = look_at((0.0, -2.0, 0.0), (0.0, -5.0, 0.0)).numpy()
    view = at_view(c2w, 0.7, np.zeros(3))
    assert view.distance == pytest.approx(2.0)
    np.testing.assert_allclose(view.target, [0.0, -4.0, 0.0], atol=1e-6)


def scene(positions) -> SceneInfo:
    cameras = np.stack([look_at(p, (0.0, 0.0, 0.0)).numpy() for p in positions])
    return SceneInfo(
        name="s", path="s", format="f", notes=(), n_train=len(cameras), n_test=0, image_width=4, image_height=4,
        cameras=cameras, camera_fov_y=np.linspace(0.5, 0.7, len(cameras)), view_names=(), test_cameras=cameras[::-1],
        test_fov_y=np.linspace(0.8, 0.9, len(cameras)), test_names=(), box=(-1, -1, -1, 1, 1, 1),
        method=None, sampler=None, train=None, background=(1.0, 1.0, 1.0),
    )  # fmt: skip


def test_home_in_a_scene_of_several_levels_is_amid_its_cameras():
    info = scene([(0.0, 0.0, 1.0), (1.0, 0.2, 1.0), (2.0, 0.0, 1.0), (9.0, 0.0, 4.0)])
    assert home_view(replace(info, train=TrainSettings(grid_levels=4))) == 1


def test_a_scene_turns_about_its_own_up():
    up = np.array([0.0, -1.0, 0.0])
    start = at_view(look_at((0.5, -1.0, 3.0), (0.0, 0.0, 0.0), tuple(up)).numpy(), 0.7, np.zeros(3), tuple(up))
    moved = start.orbited(0.3, 0.0)
    assert moved.position @ up == pytest.approx(start.position @ up, abs=1e-6)
    assert moved.rotation[:, 0] @ up == pytest.approx(0.0, abs=1e-6), "the horizon stays level"
    assert start.flown(0.0, 1.0, 0.0, 1.0).position @ up > start.position @ up
    assert start.orbited(0.0, 0.05).position @ up > start.position @ up


def test_home_looks_down_moderately():
    info = scene([(3.0, 0.0, -1.0), (0.0, 0.1, 3.0), (0.0, 3.0, 1.4), (3.0, 0.0, 0.1)])
    assert home_view(info) == 2


@pytest.mark.parametrize(("split", "fov_y"), [(Split.TRAIN, 0.5), (Split.TEST, 0.8)])
def test_a_photo_is_seen_from_its_own_pose_and_with_its_own_lens(split, fov_y):
    info = scene([(3.0, 0.0, 1.0), (0.0, 3.0, 1.0)])
    cameras = info.cameras if split is Split.TRAIN else info.test_cameras
    view = photo_view(info, PhotoId(split, 0))
    np.testing.assert_array_equal(np.reshape(view.pose.c2w, (4, 4)), cameras[0])
    assert view.pose.fov_y == fov_y


def test_directions_are_those_of_the_pixels_rays():
    view = camera().orbited(0.1, 0.05)
    width, height = 13, 8
    c2w = torch.tensor(view.pose.c2w, dtype=torch.float32).reshape(4, 4)
    rays = generate_rays(Camera(c2w, pinhole_matrix(view.fov_y, width, height), width, height))
    for i in (0, 5, 50, width * height - 1):
        u = (i % width + 0.5 - 0.5 * width) / height
        v = (i // width + 0.5 - 0.5 * height) / height
        direction = view.direction_at(u, v)
        np.testing.assert_allclose(direction, rays.rays_d[i].numpy(), atol=1e-6)
        assert view.seen_at(direction) == pytest.approx((u, v), abs=1e-9)
        assert view.seen_at(-direction) is None


@pytest.mark.parametrize("up", [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)])
def test_standing_up_turns_the_picture_and_keeps_place_and_target(up):
    camera = at_view(look_at((3.0, 1.0, 1.0), (0.0, 0.0, 0.0)).numpy(), 0.7, np.zeros(3))
    stood = camera.stood_up(up)
    np.testing.assert_allclose(stood.position, camera.position)
    np.testing.assert_allclose(stood.target, camera.target, atol=1e-6)
    assert stood.rotation[:, 0] @ np.array(up) == pytest.approx(0.0, abs=1e-9)
    assert stood.rotation[:, 1] @ np.array(up) > 0.0 and stood.scene_up == up
    np.testing.assert_allclose(np.linalg.det(stood.rotation), 1.0)


def test_looking_along_the_new_up_leaves_the_picture_alone():
    camera = at_view(look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0)).numpy(), 0.7, np.zeros(3))
    np.testing.assert_array_equal(camera.stood_up((0.0, 0.0, -1.0)).rotation, camera.rotation)
