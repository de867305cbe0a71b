"""Settings that leave no sample to render or to train on; sliders that are reset and copied."""

import shlex

import pytest

import run_viewer


@pytest.fixture(scope="module")
def app(demo):
    """The demo with its thresholds in front."""
    demo.bring("thresholds", "march.alpha_thre")
    return demo


def enter(app, name, text):
    app.click(f"march.{name}.value")
    app.type(text)
    app.key("Return")
    app.wait_for(lambda s: s["march"][name] == float(text), f"{name} {text}")


def test_a_double_click_resets_a_slider(app):
    own = app.state()["march"]["alpha_thre"]
    app.click("march.alpha_thre", across=0.9)
    app.wait_for(lambda s: s["march"]["alpha_thre"] > 10.0 * own, "another alpha threshold")
    app.double_click("march.alpha_thre", across=0.3)
    app.wait_for(lambda s: s["march"]["alpha_thre"] == own, "training's alpha threshold again")


def test_the_copied_command_gives_the_same_thresholds(app):
    enter(app, "cone_angle", "0.004")
    enter(app, "far_plane", "4.5")
    app.click("march.copy")
    (toast,) = app.wait_for(lambda s: any("Copied" in text for text in s["toasts"]), "the toast")["toasts"]
    words = shlex.split(toast.removeprefix("Copied: "))
    assert words[:2] == ["run_viewer.py", "demo"]
    command = run_viewer.parse(words[1:])
    assert command.thresholds == {"cone_angle": 0.004, "far_plane": 4.5}
    assert command.picture == {}
    app.keep_screen("thresholds")
    app.click("march.back")


def test_a_step_size_so_small_that_rays_would_never_end_is_refused(app):
    before = app.state()["march"]["render_step_size"]
    app.click("march.render_step_size.value")
    app.type("1e-8")
    app.key("Return")
    app.wait_for(lambda s: any("choose at least" in text for text in s["toasts"]), "the refusal")
    assert app.state()["march"]["render_step_size"] == before


def test_an_emptied_view_names_the_setting_and_offers_to_reset_it(app):
    enter(app, "near_plane", "40")
    app.settled_widget("hint.back")
    app.keep_screen("emptied-view")
    app.click("hint.back")
    app.wait_for(lambda s: s["march"]["near_plane"] == 0.0, "the near plane to be reset")
    app.wait_for(lambda s: "hint.back" not in s["widgets"], "the hint to disappear")
    app.wait_for(lambda s: s["frame"]["samples_per_ray"] > 0.0, "samples")


def test_a_collapse_is_reported_and_training_recovers(app):
    """Thresholds that exclude the whole scene, used in training too: no batch has a sample."""
    app.toggle("training")
    enter(app, "near_plane", "40")
    step = app.state()["step"]
    app.click("march.in_training", across=0.1)
    collapse = app.wait_for(lambda s: s["state"] == "failed", "the collapse")["collapse"]
    failed_at = app.state()["step"]
    assert collapse["kind"] == "no samples"
    assert step < collapse["since"] <= failed_at - 49
    app.keep_screen("collapse")
    app.click("error.own")
    app.wait_for(lambda s: s["state"] == "training" and s["step"] > failed_at + 5, "further steps")
    assert app.state()["collapse"] is None and app.state()["errors"] == []
    app.click("march.back")
    app.wait_for(lambda s: s["march"]["near_plane"] == 0.0 and s["frame"]["samples_per_ray"] > 0.0, "a picture")
    step = app.state()["step"]
    app.wait_for(lambda s: s["step"] > step + 60, "training for longer than a collapse takes to be noticed")
    assert app.state()["state"] == "training"
