"""Where scenes are assumed: around the point cameras look at, or in front of them, in any unit and orientation."""

import math
from dataclasses import replace

import pytest
import torch

from core.datasets import open_dataset
from core.datasets.bounds.scene_bounds import (
    apply_place_overrides,
    check_place,
    find_place,
    fit_place,
    place_at,
    place_of,
)
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from core.geometry.placement import Place
from tests.ball import ball_views
from tests.photos import write_colmap
from tests.scenes import BALL_RADIUS, ball_dataset


def circle(n=24, radius=3.0, height=1.0, centre=(0.0, 0.0, 0.0), up=(0.0, 0.0, 1.0)) -> Camera:
    """Cameras on a circle that look at its centre."""
    target = torch.tensor(centre)
    turns = torch.linspace(0.0, 2.0 * math.pi, n + 1)[:-1]
    places = torch.stack([radius * turns.cos(), radius * turns.sin(), torch.full((n,), height)], dim=-1)
    poses = torch.stack([look_at(target + at, target, up) for at in places])
    return Camera(poses, pinhole_matrix(0.8, 40, 30).repeat(n, 1, 1), 40, 30)


def row(n=9, spread=1.0) -> Camera:
    """Cameras side by side that look along y."""
    places = torch.linspace(-spread, spread, n)
    poses = torch.stack([look_at((float(x), 0.0, 0.0), (float(x), 10.0, 0.0)) for x in places])
    return Camera(poses, pinhole_matrix(0.8, 40, 30).repeat(n, 1, 1), 40, 30)


def place(cameras, near=None, far=None):
    """The place found for a scene, without the explanation."""
    return find_place(cameras, near, far)[0]


def bounds(placement) -> tuple[torch.Tensor, torch.Tensor]:
    low, high = torch.tensor(placement.box).view(2, 3)
    return low, high


def test_cameras_around_an_object_have_it_in_the_box_and_are_in_an_outer_level():
    cameras = circle(centre=(5.0, -2.0, 1.0))
    placement = place(cameras)
    low, high = bounds(placement)
    torch.testing.assert_close((low + high) / 2, torch.tensor([5.0, -2.0, 1.0]), atol=1e-2, rtol=0.0)
    distance = math.hypot(3.0, 1.0)
    assert high[0] - low[0] < 2.0 * distance
    outermost = 0.5 * float(high[0] - low[0]) * 2 ** (placement.n_levels - 1)
    assert outermost > 3.0 * distance
    assert 0.0 < placement.near_plane < 0.5 * distance
    assert placement.up == (0.0, 0.0, 1.0)


def test_cameras_that_face_one_way_have_the_scene_in_front_of_them():
    placement = place(row(), near=4.0, far=30.0)
    low, high = bounds(placement)
    assert 4.0 < (low[1] + high[1]) / 2 < 30.0
    outermost = float((low[1] + high[1]) / 2) + 0.5 * float(high[1] - low[1]) * 2 ** (placement.n_levels - 1)
    assert outermost >= 30.0
    assert placement.near_plane == pytest.approx(3.6)


def test_known_depths_determine_the_number_of_levels():
    assert place(circle(), 2.0, 4.0).n_levels < place(circle(), 2.0, 40.0).n_levels


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
def test_another_unit_only_scales_the_lengths(scale):
    cameras, grown = circle(), circle()
    grown.c2w[:, :3, 3] *= scale
    one, other = place(cameras), place(grown)
    for a, b in zip(bounds(one), bounds(other), strict=True):
        torch.testing.assert_close(b, scale * a, rtol=1e-3, atol=1e-3 * scale)
    assert one.n_levels == other.n_levels
    assert other.near_plane == pytest.approx(scale * one.near_plane, rel=0.05)


def test_up_is_where_the_tops_of_the_images_point():
    assert place(circle(up=(0.0, 0.0, -1.0))).up == (0.0, 0.0, -1.0)
    turn = torch.eye(4)
    turn[:3, :3] = torch.linalg.qr(torch.tensor([[1.0, 2.0, 0.5], [0.3, 1.0, -2.0], [2.0, 0.1, 1.0]]))[0]
    cameras = circle(height=0.0)
    turned = Camera(turn @ cameras.c2w, cameras.K, 40, 30)
    torch.testing.assert_close(torch.tensor(place(turned).up), turn[:3, 2], atol=1e-3, rtol=0.0)


def test_cameras_at_one_point_still_have_a_scene():
    one = row(n=3, spread=0.0)
    one.c2w[:, :3, 3] += torch.tensor([130.3, 207.7, 31.1]) + 1e-5 * torch.rand(3, 3)
    placement = place(one)
    low, high = bounds(placement)
    assert (high - low > 0.1).all() and placement.near_plane > 0.01


def test_cameras_that_look_outwards_have_the_scene_around_them():
    inwards = circle(height=0.0)
    over = torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0]))
    placement, how = find_place(Camera(inwards.c2w @ over, inwards.K, 40, 30))
    low, high = bounds(placement)
    torch.testing.assert_close((low + high) / 2, torch.zeros(3), atol=0.1, rtol=0.0)
    assert "look outwards" in how


def test_a_place_that_no_camera_sees_is_refused():
    cameras = circle()
    check_place(find_place(cameras)[0], cameras)
    with pytest.raises(ValueError, match="no camera sees"):
        check_place(Place((0.0, 0.0, 50.0, 1.0, 1.0, 51.0)), cameras)
    with pytest.raises(ValueError, match="near plane must lie before"):
        check_place(Place((-1.0, -1.0, -1.0, 1.0, 1.0, 1.0), near_plane=6.0), cameras)
    check_place(Place((-1.0, -1.0, -1.0, 1.0, 1.0, 1.0), 3, near_plane=6.0), cameras)
    with pytest.raises(ValueError, match="begin before"):
        check_place(Place((1.0, -1.0, -1.0, -1.0, 1.0, 1.0)), cameras)


def test_a_moved_dataset_remembers_its_original_place():
    dataset = ball_dataset()
    place = Place((-2.0, -2.0, -2.0, 1.0, 1.0, 1.0), 3, 0.2, (1.0, 0.0, 0.0))
    moved = place_at(dataset, place)
    assert place_of(moved) == place and moved.named == place_of(dataset)
    assert place_at(moved, Place((0.0, 0.0, 0.0, 1.0, 1.0, 1.0))).named == place_of(dataset)
    assert moved.train is dataset.train
    assert apply_place_overrides(dataset, {}) is dataset
    assert place_of(apply_place_overrides(dataset, {"levels": 2})) == place_of(dataset)._replace(n_levels=2)


def test_the_fit_follows_silhouettes_whatever_the_box():
    dataset = ball_dataset()
    assert dataset.train.has_silhouettes
    found = fit_place(place_at(dataset, Place((-9.0, -9.0, -9.0, 9.0, 9.0, 9.0), 4)))
    assert found.n_levels == 1
    low, high = bounds(found)
    assert (low < -BALL_RADIUS).all() and (high > BALL_RADIUS).all() and (high - low < 4.0 * BALL_RADIUS).all()


def test_the_fit_for_photos_follows_their_points_and_cameras(tmp_path):
    dataset = open_dataset(write_colmap(tmp_path, ball_views(10, 24)))
    own = place_of(dataset)
    assert dataset.named is None and dataset.points is not None
    assert fit_place(place_at(dataset, Place((0.0, 0.0, 0.0, 1.0, 1.0, 1.0)))) == own
    assert fit_place(replace(dataset, points=None)) == own, "the place found at opening"
    named = replace(dataset, points=None, box=(-1.0,) * 3 + (1.0,) * 3, n_levels=1, near_plane=0.0)
    assert fit_place(named) == find_place(dataset.train.cameras)[0]
