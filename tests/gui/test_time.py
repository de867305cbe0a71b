"""The time of a dynamic scene in the real window."""

import pytest


@pytest.fixture(scope="module")
def app(launch):
    """The dynamic demo, trained a little and then paused."""
    running = launch("demo-dynamic", "--downscale", "4", "--render-step-size", "0.1")
    running.pause_after(steps=5)
    return running


def shows(state: dict) -> bool:
    """Whether the picture shows the time on the slider."""
    frame = state["frame"]
    return frame["serial"] == state["serial"] and frame["time"] == state["playback"]["time"] == state["camera"]["time"]


def test_the_slider_takes_the_picture_to_another_time(app):
    app.click("time.slider", across=0.05)
    app.wait_for(lambda s: s["playback"]["time"] < 0.1 and shows(s), "an early time")
    app.click("time.slider", across=0.6)
    state = app.wait_for(lambda s: 0.5 < s["playback"]["time"] < 0.7 and shows(s), "a later time")
    assert not state["playback"]["playing"]
    app.keep_screen("time")


def test_a_key_starts_playback_and_the_button_stops_it(app):
    app.key("t")
    first = app.wait_for(lambda s: s["playback"]["playing"], "playback")["playback"]["time"]
    app.wait_for(lambda s: s["frame"]["time"] not in (None, first), "a picture of another time")
    app.click("time.play")
    stopped = app.wait_for(lambda s: not s["playback"]["playing"], "playback to stop")["playback"]["time"]
    assert app.wait_for(shows, "the picture of that time")["playback"]["time"] == stopped


def test_without_a_loop_it_stops_at_the_end(app):
    app.click("time.loop", across=0.1)
    app.wait_for(lambda s: not s["playback"]["loop"], "no loop")
    app.click("time.slider", across=0.9)
    app.click("time.play")
    assert app.wait_for(lambda s: s["playback"]["time"] == 1.0, "the end")["playback"]["playing"] is False


def test_going_to_a_view_of_the_dataset_sets_its_time(app):
    app.key("bracketright")
    state = app.wait_for(lambda s: s["photo"] is not None, "a training view")
    assert state["playback"]["time"] == pytest.approx(state["photo"]["index"] / 119, abs=1e-6)
