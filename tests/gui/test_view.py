"""The panel View in the real window."""

import pytest

from tests.gui.app import QUICK_DEMO
from tests.gui.test_window import changed


@pytest.fixture(scope="module")
def app(launch):
    """The demo, trained a little and then paused, with the panel View in front."""
    running = launch(*QUICK_DEMO)
    running.pause_after(steps=30)
    running.bring("view", "view.tint_strength")
    return running


def test_a_static_scene_has_no_time(app):
    state = app.next_state()
    assert state["playback"] is None and not any(name.startswith("time.") for name in state["widgets"])


def test_a_tint_covers_opaque_surfaces(app):
    before = app.wait_for_picture("a finished picture")
    app.click("view.tint_strength", across=0.9)
    assert app.wait_for(lambda s: s["view"]["tint_strength"] > 0.7, "the tint")
    assert changed(before, app.wait_for_picture("the tinted picture")) > 0.05
    app.keep_screen("view")
    app.click("view.tint_strength", across=0.0)


def test_box_and_cameras_are_drawn(app):
    before = app.wait_for_picture("the plain picture")
    app.click("view.show_box", across=0.1)
    app.wait_for(lambda s: s["view"]["show_box"], "the box")
    assert changed(before, app.wait_for_picture("the picture with its box")) > 0.002
    app.click("view.show_box", across=0.1)
