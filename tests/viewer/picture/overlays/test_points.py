"""The dataset's points drawn into a picture."""

import math

import numpy as np
import pytest

from core.geometry.cameras import look_at
from viewer.picture.overlays.lines import Occluder
from viewer.picture.overlays.points import POINT_COLOR, SHINES_THROUGH, draw_points
from viewer.protocol.requests import Pose

POSE = Pose(tuple(look_at((0.0, -4.0, 0.0), (0.0, 0.0, 0.0)).double().ravel().tolist()), math.radians(60.0))
"""Four units from the origin, looking along +y."""
RED, BLUE = np.float32([1.0, 0.0, 0.0]), np.float32([0.0, 0.0, 1.0])
WHITE = np.ones((31, 41, 4), np.float32)


def draw(points, colors=None, occluders=(), picture=WHITE):
    return draw_points(picture, np.float32(points), None if colors is None else np.float32(colors), POSE, occluders)


def test_a_point_is_drawn_where_its_ray_goes_and_nowhere_else():
    after = draw([[0.0, 0.0, 0.0]], [RED])
    rows, columns = np.nonzero((after != WHITE).any(-1))
    assert (rows.tolist(), columns.tolist()) == ([15], [20])
    np.testing.assert_allclose(after[15, 20], [*RED, 1.0])
    focal = 15.5 / math.tan(math.radians(30.0))
    row, column = int(15.5 - focal * 0.5 / 5.0), int(20.5 + focal * 1.0 / 5.0)
    assert (draw([[1.0, 1.0, 0.5]])[row, column, :3] == POINT_COLOR).all()


@pytest.mark.parametrize("point", [[0.0, -5.0, 0.0], [0.0, -4.0, 0.0], [90.0, 0.0, 0.0]])
def test_points_behind_the_camera_or_outside_the_picture_are_not_drawn(point):
    assert draw([point]) is WHITE


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearest_of_several_points_is_seen(order):
    large = np.ones((1400, 1400, 4), np.float32)
    points, colors = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]][::order], [RED, BLUE][::order]
    after = draw(points, colors, picture=large)
    drawn = after[(after != large).any(-1)]
    assert len(drawn) == 16 and (drawn[:, :3] == RED).all(), "a larger picture has larger points"


def test_a_point_shines_through_what_covers_it_and_its_own_surface_does_not_cover_it():
    def covered(t):
        return draw([[0.0, 0.0, 0.0]], [RED], [Occluder(np.full((31, 41), t), np.ones((31, 41)))])[15, 20, 1]

    assert covered(2.0) == pytest.approx(1.0 - SHINES_THROUGH)
    for t in (3.95, 4.5, math.inf):
        assert covered(t) == 0.0
