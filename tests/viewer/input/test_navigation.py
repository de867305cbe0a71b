import numpy as np
import pytest

from core.geometry.cameras import look_at
from viewer.input.navigation import LEFT, MIDDLE, RIGHT, Drag, Pick, flown
from viewer.input.orbit import at_view

CAMERA = at_view(look_at((3.0, 0.0, 1.0), (0.0, 0.0, 0.0)).numpy(), 0.7, np.zeros(3))


def dragged(button: int, over_picture: bool = True):
    drag = Drag()
    camera = drag.moved(CAMERA, {button}, 10, 10, over_picture, 100)
    assert camera is CAMERA, "pressing alone moves nothing"
    return drag.moved(camera, {button}, 20, 15, False, 100)


def test_the_left_button_orbits_and_the_others_pan():
    assert dragged(LEFT).pose == CAMERA.orbited(0.1, 0.05).pose
    for button in (RIGHT, MIDDLE):
        assert dragged(button).pose == CAMERA.panned(0.1, 0.05).pose


def test_a_drag_that_began_elsewhere_moves_nothing():
    assert dragged(LEFT, over_picture=False) is CAMERA


def test_releasing_the_button_ends_the_drag():
    drag = Drag()
    drag.moved(CAMERA, {LEFT}, 0, 0, True, 100)
    drag.moved(CAMERA, set(), 5, 5, True, 100)
    assert drag.button is None
    assert drag.moved(CAMERA, {RIGHT}, 50, 50, True, 100) is CAMERA


def test_the_button_that_began_the_drag_decides():
    drag = Drag()
    drag.moved(CAMERA, {RIGHT}, 0, 0, True, 100)
    assert drag.moved(CAMERA, {LEFT, RIGHT}, 10, 0, True, 100).pose == CAMERA.panned(0.1, 0.0).pose


def pulled(x: float, button: int = LEFT, divider: float | None = 100.0):
    """A drag by 20 pixels to the right that begins at x; returns the camera and the drag."""
    drag = Drag()
    camera = drag.moved(CAMERA, {button}, x, 10, True, 100, divider)
    return drag.moved(camera, {button}, x + 20, 15, False, 100, divider), drag


@pytest.mark.parametrize("x", [92, 100, 108])
def test_near_the_divider_the_drag_moves_it_and_not_the_camera(x):
    camera, drag = pulled(x)
    assert camera is CAMERA
    assert drag.divider == 120.0
    assert drag.moved(CAMERA, set(), 0, 0, True, 100, 120.0) is CAMERA and drag.divider is None


@pytest.mark.parametrize(("x", "button", "divider"), [(91, LEFT, 100.0), (109, LEFT, 100.0), (100, LEFT, None)])
def test_away_from_the_divider_the_drag_orbits(x, button, divider):
    camera, drag = pulled(x, button, divider)
    assert camera.pose == CAMERA.orbited(0.2, 0.05).pose and drag.divider is None


def test_other_buttons_pan_on_the_divider_too():
    camera, drag = pulled(100, RIGHT)
    assert camera.pose == CAMERA.panned(0.2, 0.05).pose and drag.divider is None


def test_a_pick_lasts_until_the_button_is_released():
    pick = Pick()
    assert not pick.picks(set(), True, True)
    assert not pick.picks({LEFT}, False, True), "the press began elsewhere"
    assert not pick.picks({RIGHT}, True, True)
    assert not pick.picks({LEFT}, True, False)
    assert pick.picks({LEFT}, True, True)
    assert pick.picks({LEFT}, False, False), "the key may be released and the cursor may leave the picture"
    assert not pick.picks(set(), True, True)


def test_fly_keys_add_up_and_cancel():
    assert flown(CAMERA, set(), 0.1) is CAMERA
    assert flown(CAMERA, {"A", "D"}, 0.1) is CAMERA
    assert flown(CAMERA, {"W", "E"}, 0.1).pose == CAMERA.flown(0, 1, 1, 0.1).pose
