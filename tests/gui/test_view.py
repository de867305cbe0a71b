"""The panels View and Flight in the real window, and a film of the flight."""

import itertools

import av
import numpy as np
import pytest

from tests.gui.test_window import changed


@pytest.fixture(scope="module")
def app(demo):
    """The demo with the panel View in front."""
    demo.bring("view", "view.tint_strength")
    return demo


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


def typed(app, widget, text):
    app.click(widget)
    app.key("ctrl+a")
    app.type(text)
    app.key("Return")


def test_keys_are_placed_dragged_in_time_and_undone(app):
    for _ in range(3):
        app.key("k")
        app.drag("picture", 120, 15)
    state = app.wait_for(lambda s: s["flight"]["keys"] == 3, "three keys")
    before = state["flight"]["arrivals"]
    assert before[0] == 0.0 and before[2] == state["flight"]["seconds"] == 6.0
    x, y, width, _ = app.settled_widget("flight.timeline")
    key = int(x + 14 + before[1] / 6.0 * (width - 28))
    app.xdotool("mousemove", key, y + 30)
    app.next_state()
    app.xdotool("mousedown", 1)
    app.next_state()
    for step in (20, 40, 60):
        app.xdotool("mousemove", key + step, y + 30)
        app.next_state()
    app.xdotool("mouseup", 1)
    state = app.next_state()
    assert state["flight"]["selected"] == 1 and state["flight"]["arrivals"][1] > before[1] + 0.2
    app.keep_screen("flight")
    app.key("ctrl+z")
    assert app.next_state()["flight"]["arrivals"] == before, "a drag is one edit"
    app.key("ctrl+shift+z")
    assert app.next_state()["flight"]["arrivals"][1] > before[1] + 0.2


def test_the_flight_plays_until_the_camera_is_taken(app):
    app.click("flight.play")
    poses = [app.next_state()["camera"]["c2w"] for _ in range(3)]
    assert app.state()["flight"]["playing"] and poses[0] != poses[2]
    app.drag("picture", 30, 5)
    assert not app.next_state()["flight"]["playing"]


def test_a_film_of_the_flight_is_made_in_the_background_and_plays(app):
    app.click("export")
    app.click("export.video")
    for widget, text in (("video.width", "96"), ("video.height", "64"), ("video.fps", "1.667")):
        typed(app, widget, text)
    app.keep_screen("video")
    app.click("video.start")
    state = app.wait_for(lambda s: s["export"] is not None and s["export"]["files"], "the film")
    assert state["export"]["total"] == 10
    app.wait_for(lambda s: any("Saved" in text for text in s["toasts"]), "the toast that names the film")
    with av.open(str(app.folder / state["export"]["files"][0])) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 10 and frames[0].shape == (64, 96, 3)
    assert min(frame.std() for frame in frames) > 5
    assert all(np.abs(a - b).mean() > 0.5 for a, b in itertools.pairwise(frames))
    app.key("Escape")


def test_tab_gives_the_picture_the_whole_window_and_back(app):
    before = app.widget("picture")
    app.key("Tab")
    app.wait_for(lambda s: s["widgets"]["picture"][2] > before[2] and s["widgets"]["picture"][3] > before[3], "room")
    app.key("Tab")
    app.wait_for(lambda s: tuple(s["widgets"]["picture"]) == before, "the panels again")
    assert "Traceback" not in app.output()
