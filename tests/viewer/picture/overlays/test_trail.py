import numpy as np

from core.flights.path import pose_values
from core.geometry.cameras import look_at
from viewer.picture.overlays.trail import BEHIND, COLOR, SELECTED, with_trail
from viewer.protocol.requests import Pose, Trail
from viewer.protocol.view_settings import ViewSettings

EYE = Pose(pose_values(look_at((0.0, -4.0, 0.0), (0.0, 0.0, 0.0)).numpy()), 0.8)
BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
GREY = np.full((451, 601, 4), 0.5, np.float32)
GREY[..., 3] = 1.0


def drawn(trail: Trail, depth: float) -> np.ndarray:
    depths, opacities = np.full((451, 601), depth, np.float32), np.ones((451, 601), np.float32)
    return with_trail(GREY, trail, ViewSettings(), EYE, depths, opacities, BOX)


def test_the_line_crosses_the_picture_and_shines_through_what_covers_it():
    trail = Trail(((-1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), ())
    before, behind = drawn(trail, 9.0), drawn(trail, 2.0)
    np.testing.assert_allclose(before[225, 250, :3], COLOR, atol=0.05)
    shade = 0.5 + BEHIND * (COLOR - 0.5)
    np.testing.assert_allclose(behind[225, 250, :3], shade, atol=0.05)
    assert (before[50] == GREY[50]).all()


def test_the_selected_key_has_another_colour_and_no_keys_draw_nothing():
    key = (pose_values(look_at((0.0, 0.5, 0.0), (0.0, 3.0, 0.3)).numpy()), 0.7)
    plain, chosen = (drawn(Trail((), (key, key), selected), 9.0) for selected in (None, 1))
    assert np.abs(plain - GREY).max() > 0.2
    assert np.abs(chosen[..., :3] - SELECTED).sum(-1).min() < 0.3 < np.abs(plain[..., :3] - SELECTED).sum(-1).min()
    np.testing.assert_array_equal(drawn(Trail((), ()), 9.0), GREY)
