"""The real program on a virtual screen, used as a user would."""

import os
import subprocess
import sys

import pytest

from tests.gui.start import ROOT
from viewer.picture.export.screenshots import read_metadata, request_from


@pytest.fixture(scope="module")
def app(demo):
    """The demo with its thresholds in front."""
    demo.bring("thresholds", "march.alpha_thre")
    return demo


def changed(before, after) -> float:
    """The share of pixels that differ visibly."""
    return float((abs(before - after).max(axis=-1) > 0.05).mean())


def test_the_demo_is_rendered(app):
    picture = app.wait_for_picture("a finished picture")
    assert picture.std() > 0.05, "the view is blank"
    assert app.state()["scene"]
    app.keep_screen("window")


def test_dragging_turns_the_camera(app):
    before = app.wait_for_picture("a finished picture")
    app.drag("picture", 160, 60)
    after = app.wait_for_picture("the turned picture")
    assert changed(before, after) > 0.02
    app.key("r")
    assert changed(before, app.wait_for_picture("the first view again")) < 0.002


def test_the_wheel_zooms(app):
    before = app.wait_for_picture("a finished picture")
    x, y, width, height = app.widget("picture")
    app.xdotool("mousemove", x + width // 2, y + height // 2)
    app.next_state()
    for _ in range(4):
        app.xdotool("click", 4)
        app.next_state()
    assert changed(before, app.wait_for_picture("the enlarged picture")) > 0.02
    app.key("r")


def test_a_threshold_saves_samples(app):
    app.wait_for_picture("a finished picture")
    before = app.state()["frame"]["samples_per_ray"]
    assert before > 0.0
    app.click("march.alpha_thre", across=0.97)
    state = app.wait_for(lambda s: s["frame"]["samples_per_ray"] < 0.5 * before, "fewer samples per ray")
    assert state["state"] == "paused"
    app.click("march.back")
    app.wait_for(lambda s: s["frame"]["samples_per_ray"] > 0.9 * before, "training's thresholds again")


@pytest.mark.parametrize("mode", ["opacity", "transmittance", "depth", "half-depth", "samples"])
def test_other_modes_look_different_from_colour(app, mode):
    app.click("mode.color")
    colour = app.wait_for_picture("the colour picture")
    app.click(f"mode.{mode}")
    app.wait_for(lambda s: s["frame"]["mode"] == mode, f"the {mode} picture")
    assert changed(colour, app.wait_for_picture(f"the {mode} picture")) > 0.05
    app.click("mode.color")


def test_a_screenshot_records_what_the_screen_shows(app):
    app.wait_for_picture("a finished picture")
    path = app.take_screenshot()
    metadata = read_metadata(path)
    assert [metadata["width"], metadata["height"]] == app.state()["widgets"]["picture"][2:]
    assert metadata["step"] == app.state()["step"]
    assert metadata["march"] == app.state()["march"]
    assert request_from(metadata).view.width == metadata["width"]


def test_a_wrong_path_is_reported_and_the_scene_stays(app):
    scene, mode = app.state()["scene"], app.state()["frame"]["mode"]
    app.key("ctrl+o")
    app.widget("open.path")
    app.type("/nowhere/no 2 such r scene")
    app.key("Return")
    state = app.wait_for(lambda s: any("/nowhere/no 2 such r scene" in text for text in s["errors"]), "the error")
    assert "error.close" in app.state()["widgets"] or app.widget("error.close")
    assert (state["scene"], state["state"]) == (scene, "paused"), "typed text acted as shortcuts"
    assert state["frame"]["mode"] == mode, "typed text acted as shortcuts"
    app.click("error.close")
    app.wait_for(lambda s: not s["errors"], "the error to close")


def test_a_typed_value_takes_effect(app):
    app.click("march.far_plane.value")
    app.type("1.5")
    app.key("Return")
    app.wait_for(lambda s: s["march"]["far_plane"] == 1.5, "the typed value")
    app.click("march.back")
    app.wait_for(lambda s: s["march"]["far_plane"] > 1.5, "training's thresholds again")


def test_a_sound_dataset_opens_no_panel_by_itself(app):
    assert not any(name.startswith("dataset.") for name in app.state()["widgets"])


def test_training_goes_on_after_the_pause(app):
    step = app.state()["step"]
    x, y, width, height = app.widget("picture")
    app.xdotool("mousemove", x + width // 2, y + height // 2)
    app.key("space")
    app.wait_for(lambda s: s["step"] > step, "further steps")


def test_closing_ends_the_program_in_the_middle_of_training(app):
    app.wait_for(lambda s: s["state"] == "training", "training")
    app.close()
    assert app.process.wait(timeout=60) == 0, app.output()
    assert "Traceback" not in app.output()


def test_without_a_display_it_says_what_to_do():
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_viewer.py"), "demo"], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    assert "display" in done.stderr and "train" in done.stderr
