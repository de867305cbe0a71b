"""A sweep in the real window."""

import pytest

from core.config.march import MarchSettings
from core.config.scale import Scale
from core.config.setting import settings_of

EARLY_STOP = Scale(settings_of(MarchSettings)["early_stop_eps"])


@pytest.fixture(scope="module")
def app(demo):
    """The demo with its thresholds in front."""
    demo.bring("thresholds", "march.early_stop_eps")
    return demo


def colours(pixels) -> float:
    """The share of pixels that are clearly not grey: lines and marks."""
    return float((pixels.max(axis=-1) - pixels.min(axis=-1) > 0.15).mean())


def test_a_sweep_is_run_and_a_click_on_its_plot_sets_the_slider(app):
    app.click("march.early_stop_eps.sweep")
    app.wait_for(lambda s: "sweep.found" in s["widgets"], "the sweep's end")
    for name in ("ms", "samples", "psnr"):
        assert colours(app.pixels(f"sweep.{name}.plot")) > 0.005, f"the plot of {name} is empty"
    before = app.state()["march"]
    app.keep_screen("sweep")
    app.click("sweep.psnr.plot", across=0.8)
    state = app.wait_for(lambda s: s["march"] != before, "the clicked value")
    assert state["march"] == before | {"early_stop_eps": state["march"]["early_stop_eps"]}
    assert 0.5 < EARLY_STOP.position(state["march"]["early_stop_eps"]) < 0.95
    app.click("march.back")
    app.wait_for(lambda s: s["march"] == before, "training's thresholds again")
