"""Handles of a box: where they are in a picture, and where a drag moves the faces."""

import math

import numpy as np
import pytest

from core.geometry.boxes import sides_of
from core.geometry.cameras import look_at
from viewer.input.handles import BoxDrag, along, edges, handles, middle_of, pulled, under_cursor
from viewer.input.navigation import LEFT, RIGHT
from viewer.picture.projection import Projection
from viewer.protocol.requests import Pose

BOX = (-1.0, -1.2, -0.8, 1.0, 1.2, 0.8)


def sight(position, target=(0.0, 0.0, 0.0)) -> Projection:
    return Projection(Pose(tuple(look_at(position, target).double().ravel().tolist()), 0.8), 640, 480)


ASIDE = sight((5.0, 4.0, 3.0))


def test_a_point_is_seen_where_its_ray_goes():
    x, y, depth = ASIDE.seen_at(np.array([0.4, -0.3, 0.2]))
    towards = np.array([0.4, -0.3, 0.2]) - ASIDE.position
    np.testing.assert_allclose(ASIDE.direction(x, y), towards / np.linalg.norm(towards), atol=1e-6)
    assert ASIDE.seen_at(np.zeros(3)) == pytest.approx((320.0, 240.0, math.sqrt(50.0)), abs=1e-3)
    assert 0.0 < depth < 10.0
    assert ASIDE.seen_at(2.0 * ASIDE.position) is None, "the point lies behind the camera"


def test_each_face_has_a_handle_in_its_middle_the_nearest_last():
    found = handles(BOX, ASIDE)
    assert sorted(handle.face for handle in found) == list(range(6))
    assert [handle.depth for handle in found] == sorted((handle.depth for handle in found), reverse=True)
    for handle in found:
        assert ASIDE.seen_at(middle_of(BOX, handle.face)) == pytest.approx(handle[1:])


def test_an_axis_that_is_seen_end_on_has_no_handles():
    assert {handle.face for handle in handles(BOX, sight((5.0, 0.1, 0.1)))} == {1, 2, 4, 5}


def test_faces_behind_the_camera_or_outside_the_picture_have_no_handle():
    inside = sight((0.0, 0.0, 0.0), (1.0, 0.2, 0.1))
    assert {handle.face for handle in handles(BOX, inside)} <= {3}
    assert handles(BOX, sight((5.0, 4.0, 3.0), (10.0, 8.0, 6.1))) == []


def test_edges_of_faces_turned_to_the_camera_are_separated_from_hidden_ones():
    front, behind = edges(BOX, ASIDE)
    assert (len(front), len(behind)) == (9, 3)
    assert front.shape[1:] == (2, 2)
    x, y, _ = ASIDE.seen_at(np.array(BOX[:3]))
    assert all(np.abs(edge - (x, y)).sum(-1).min() < 1e-3 for edge in behind), "the three meet in the hidden corner"
    front, behind = edges(BOX, sight((0.0, 0.0, 0.0), BOX[3:]))
    assert len(behind) == 0 and len(front) > 0


@pytest.mark.parametrize("face", range(6))
@pytest.mark.parametrize("distance", [-0.3, 0.25])
def test_dragging_a_handle_to_where_a_point_of_its_axis_is_seen_puts_the_face_there(face, distance):
    x, y, _ = ASIDE.seen_at(middle_of(BOX, face))
    assert along(BOX, face, ASIDE, x, y) == pytest.approx(0.0, abs=1e-6)
    target = middle_of(BOX, face)
    target[face % 3] += distance
    to = ASIDE.seen_at(target)[:2]
    drag = BoxDrag()
    assert drag.moved(BOX, ASIDE, {LEFT}, x + 2, y - 1, True) == BOX, "a press moves nothing"
    assert drag.face == face
    after = drag.moved(BOX, ASIDE, {LEFT}, to[0] + 2, to[1] - 1, False)
    assert after[face] == pytest.approx(BOX[face] + distance, abs=0.03)
    assert [v for i, v in enumerate(after) if i != face] == [v for i, v in enumerate(BOX) if i != face]
    assert drag.moved(after, ASIDE, set(), *to, True) == after and drag.face is None


def test_only_a_press_of_the_left_button_on_a_handle_of_the_picture_grabs_it():
    x, y, _ = ASIDE.seen_at(middle_of(BOX, 3))
    for down, at, over in (({RIGHT}, (x, y), True), ({LEFT}, (x + 40, y), True), ({LEFT}, (x, y), False)):
        drag = BoxDrag()
        drag.moved(BOX, ASIDE, down, *at, over)
        assert drag.face is None
    assert under_cursor(BOX, ASIDE, x + 5, y).face == 3 and under_cursor(BOX, ASIDE, x + 40, y) is None


def test_the_nearer_of_two_overlapping_handles_is_grabbed():
    ahead = sight((5.0, 5.0, 0.0))
    x, y, _ = ahead.seen_at(np.zeros(3))
    slim = (-1.0, -1.0, -0.01, 1.0, 1.0, 0.01)
    near = under_cursor(slim, ahead, x, y, reach=200)
    assert near.face in (3, 4)


def test_a_face_stops_short_of_the_opposite_one():
    for face, value in ((0, 5.0), (3, -5.0)):
        box = pulled(BOX, face, value)
        assert all(side > 0.0 for side in sides_of(box))
        assert min(sides_of(box)) > max(sides_of(box)) / 100.0


def test_an_inverted_box_is_left_as_it_is():
    inverted = (*BOX[3:], *BOX[:3])
    assert pulled(inverted, 0, 5.0) == inverted


def test_coordinates_are_rounded_to_readable_numbers():
    assert pulled(BOX, 3, 1.23456789)[3] == 1.235
    assert pulled(tuple(1e-3 * x for x in BOX), 3, 1.23456789e-3)[3] == pytest.approx(1.235e-3, abs=1e-9)


def test_a_cursor_beyond_the_vanishing_point_of_the_axis_keeps_the_box_valid():
    """Seen at an angle, the axis has a vanishing point: no point of it is seen beyond."""
    drag, along_x = BoxDrag(), sight((3.0, 0.6, 0.0), (-3.0, 0.0, 0.0))
    x, y, _ = along_x.seen_at(middle_of(BOX, 0))
    drag.moved(BOX, along_x, {LEFT}, x, y, True, reach=20)
    for far in (-4000.0, 4000.0):
        box = drag.moved(BOX, along_x, {LEFT}, x + far, y, True)
        assert all(map(math.isfinite, box)) and box[0] < box[3]
