import numpy as np

from core.cameras import look_at
from viewer.camera_controls import at_view
from viewer.navigation import LEFT, MIDDLE, RIGHT, Drag, flown

CAMERA = at_view(look_at((3.0, 0.0, 1.0), (0.0, 0.0, 0.0)).numpy(), 0.7, np.zeros(3))


def dragged(button: int, over_picture: bool = True):
    drag = Drag()
    camera = drag.moved(CAMERA, {button}, 10, 10, over_picture, 100)
    assert camera is CAMERA, "pressing alone moves nothing"
    return drag.moved(camera, {button}, 20, 15, False, 100)


def test_left_orbits_and_the_others_pan():
    assert dragged(LEFT).pose == CAMERA.orbited(0.1, 0.05).pose
    for button in (RIGHT, MIDDLE):
        assert dragged(button).pose == CAMERA.panned(0.1, 0.05).pose


def test_a_drag_that_began_elsewhere_moves_nothing():
    assert dragged(LEFT, over_picture=False) is CAMERA


def test_letting_go_ends_the_drag():
    drag = Drag()
    drag.moved(CAMERA, {LEFT}, 0, 0, True, 100)
    drag.moved(CAMERA, set(), 5, 5, True, 100)
    assert drag.button is None
    assert drag.moved(CAMERA, {RIGHT}, 50, 50, True, 100) is CAMERA


def test_the_button_that_began_it_decides():
    drag = Drag()
    drag.moved(CAMERA, {RIGHT}, 0, 0, True, 100)
    assert drag.moved(CAMERA, {LEFT, RIGHT}, 10, 0, True, 100).pose == CAMERA.panned(0.1, 0.0).pose


def test_fly_keys_add_up_and_cancel():
    assert flown(CAMERA, set(), 0.1) is CAMERA
    assert flown(CAMERA, {"A", "D"}, 0.1) is CAMERA
    assert flown(CAMERA, {"W", "E"}, 0.1).pose == CAMERA.flown(0, 1, 1, 0.1).pose
