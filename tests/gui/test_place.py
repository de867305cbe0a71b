"""The scene's box in the real window: dragged by a handle, turned to another up, fitted, and trained in."""

import pytest

from tests.ball import CENTRE, RADIUS
from tests.viewer.live import write_quick_ball


@pytest.fixture(scope="module")
def app(launch, tmp_path_factory):
    """The ball, trained a little and then paused, with the panel in front."""
    running = launch(str(write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball")), "--alpha-thre", "0.02")
    running.pause_after(20)
    running.bring("place", "place.fit")
    running.wait_for(lambda s: s["place"]["handles"], "the handles")
    return running


def places(app) -> dict:
    return app.next_state()["place"]


def pull(app, face: str, dx: int, dy: int) -> None:
    """Drag the handle of a face."""
    x, y = places(app)["handles"][face]
    app.xdotool("mousemove", x, y)
    app.next_state()
    app.xdotool("mousedown", 1)
    for i in range(1, 5):
        app.xdotool("mousemove", x + dx * i // 4, y + dy * i // 4)
        app.next_state()
    app.xdotool("mouseup", 1)
    app.next_state()


def enter(app, widget: str, *keys: str) -> None:
    """Type a number after Ctrl+click: a busy machine may draw too slowly for a double click."""
    app.aim(widget)
    app.xdotool("keydown", "ctrl")
    app.click(widget)
    app.xdotool("keyup", "ctrl")
    app.key(*keys, "Return")


def test_dragging_a_handle_moves_its_face_and_nothing_else(app):
    before, camera = places(app), app.state()["camera"]
    face = next(face for face in before["handles"] if face in "345")
    pull(app, face, 60, -60)
    after = places(app)
    app.keep_screen("place-pulled")
    pairs = zip(before["edited"]["box"], after["edited"]["box"], strict=True)
    assert [str(i) for i, (a, b) in enumerate(pairs) if a != b] == [face]
    assert after["trained"] == before["trained"], "nothing is trained in it yet"
    assert app.state()["camera"] == camera, "the drag turned the camera"


def test_an_invalid_typed_box_cannot_be_trained_in(app):
    enter(app, "place.box.3", "minus", "5", "0")
    state = app.wait_for(lambda s: s["place"]["edited"]["box"][3] == -50.0, "the typed number")
    assert state["view"]["mode"] == "color", "digits typed into a box acted as shortcuts"
    step = state["step"]
    app.click("place.train")
    app.keep_screen("place-wrong")
    state = app.next_state()
    assert (state["step"], state["state"]) == (step, "paused")
    app.click("place.revert")
    app.wait_for(lambda s: s["place"]["edited"] == s["place"]["trained"], "the trained place")


def test_up_turns_at_once_and_nothing_is_lost(app):
    before = dict(app.next_state())
    app.click("place.turn")
    state = app.wait_for(lambda s: s["place"]["trained"]["up"] == [0.0, 0.0, -1.0], "the turned up")
    assert state["step"] == before["step"]
    app.wait_for(lambda s: s["camera"] != before["camera"], "the turned picture")


def test_training_starts_in_the_fitted_box(app):
    app.click("place.fit")
    state = app.wait_for(lambda s: s["place"]["edited"] != s["place"]["trained"], "the fit")
    box = state["place"]["edited"]["box"]
    assert all(box[i] < c - RADIUS and c + RADIUS < box[i + 3] for i, c in enumerate(CENTRE))
    camera = app.next_state()["camera"]
    app.click("place.train")
    state = app.wait_for(lambda s: s["place"]["trained"]["box"] == box, "training in the fit")
    state = app.wait_for(lambda s: s["state"] == "training" and s["step"] > 0, "a step in the new box")
    assert state["camera"] == camera, "the camera stays where it is"
    assert state["march"]["alpha_thre"] == 0.02, "the threshold of the command line stays"
    app.keep_screen("place-trained")
