"""The ray inspector in the real window."""

import numpy as np
import pytest

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.training.build import Overrides, new_trainer
from core.training.snapshot import save_snapshot
from tests.gui.start import SMALL_NETWORK

TRIES = 100
"""Clicks within which an answer must arrive."""


@pytest.fixture(scope="module")
def app(launch):
    """The demo, trained so briefly that its rays still cross fog, then paused, with an early stop that ends rays."""
    running = launch("demo", *SMALL_NETWORK, "--early-stop-eps", "0.01")
    running.pause_after(steps=40)
    return running


def export(app, other_than: str = "") -> tuple[dict[str, str], list[list[str]]]:
    """The notes and the rows, header first, of a new CSV of the shown ray.

    Args:
        other_than: a ray's direction as its notes state it; the panel shows this ray until the next one is marched.
    """
    folder = app.folder / "rays"
    for _ in range(TRIES):
        before = set(folder.glob("*.csv"))
        app.click("ray.export")
        for path in set(folder.glob("*.csv")) - before:
            lines = path.read_text().splitlines()
            notes = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
            if notes["direction"] != other_than:
                return notes, [line.split(",") for line in lines if not line.startswith("# ")]
    raise AssertionError(f"no CSV of the ray after {TRIES} clicks")


def numbers(text: str) -> np.ndarray:
    return np.array([float(x) for x in text.split()])


def test_holding_i_picks_the_pixel_that_is_clicked(app):
    before = app.wait_for_picture("a finished picture")
    serial = app.state()["serial"]
    column, row = app.pick(0.5, 0.6)
    app.widget("ray.text")  # the panel has opened, and the picture has become smaller
    around = before[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)
    before = app.wait_for_picture("the smaller picture")
    notes, _ = export(app)
    first = notes["direction"]
    assert np.abs(around - numbers(notes["rendered colour, 0 to 1"])).max(-1).min() < 0.01, "the ray of another pixel"
    column, row = app.pick(0.49, 0.62)
    assert app.state()["serial"] <= serial + 2, "picking turned the camera"
    notes, rows = export(app, other_than=first)
    around = before[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)
    marked = app.wait_for_picture("the picture with the cross")
    assert (np.abs(marked - before).max(-1) > 0.1)[row - 12 : row + 13, column - 12 : column + 13].any(), "no cross"
    assert np.abs(around - numbers(notes["rendered colour, 0 to 1"])).max(-1).min() < 0.01
    assert notes["photo colour, 0 to 1"] != "none", "the first view is that of a photo"
    assert rows[0][0] == "t_start [units]" and len(rows) > 10
    app.keep_screen("inspector")


def test_a_slider_acts_on_the_ray(app):
    kept = int(export(app)[0]["samples composited, evaluated, without skipping"].split()[0])
    app.click("march.alpha_thre", across=0.97)
    app.wait_for_picture("the picture with fewer samples")
    notes, rows = export(app)
    left = int(notes["samples composited, evaluated, without skipping"].split()[0])
    assert left < 0.7 * kept, (left, kept)
    assert any(row[-1] == "below alpha threshold" for row in rows)
    app.click("march.back")


def test_away_from_its_origin_the_ray_is_drawn_in_the_scene(app):
    app.wait_for(lambda s: not s["toasts"], "no toast over the picture any more")
    app.drag("picture", 170, 30)
    with_ray = app.wait_for_picture("the turned picture")
    app.keep_screen("inspector-scene")
    app.click("ray.clear")
    without = app.wait_for_picture("the picture without the ray")
    changed = np.abs(with_ray - without).max(-1) > 0.05
    assert 100 < changed.sum() < 0.05 * changed.size
    app.key("r")


def test_in_inspect_mode_a_plain_click_picks_and_outside_it_orbits(app):
    app.wait_for_picture("the first view")
    app.click("ray.inspect")
    serial = app.state()["serial"]
    app.drag("picture", 60, 10)
    app.next_state()
    assert app.state()["serial"] == serial, "the camera turned"
    assert len(export(app)[1]) > 1
    app.click("ray.inspect")
    app.drag("picture", 60, 10)
    app.wait_for(lambda s: s["serial"] > serial, "the camera to turn")


def test_a_ray_picked_on_side_a_has_the_settings_of_a_until_the_comparison_ends(app):
    kept = app.state()["march"]["early_stop_eps"]
    app.bring("compare", "compare.keep")
    app.click("compare.keep")
    app.click("march.early_stop_eps", across=0.97)
    app.wait_for(lambda s: s["march"]["early_stop_eps"] > 0.3 > kept, "B's threshold")
    app.wait_for_picture("both pictures")
    app.pick(0.53, 0.6)
    b, _ = export(app)
    app.pick(0.45, 0.6)
    a, _ = export(app, other_than=b["direction"])
    app.keep_screen("inspector-a")
    assert (a["ray of"], b["ray of"]) == ("A, the kept settings", "the present picture")
    assert f"early_stop_eps={kept:g} " in a["thresholds"] and a["thresholds"] != b["thresholds"]
    app.bring("compare", "compare.what.off")
    app.click("compare.what.off")
    app.bring("inspector", "ray.export")
    alone, _ = export(app)
    assert (alone["ray of"], alone["direction"]) == ("the present picture", a["direction"])
    assert alone["thresholds"] == b["thresholds"]


@pytest.fixture(scope="module")
def proposing(launch, tmp_path_factory):
    """The demo with a small field, trained for a moment with the proposal sampler, and paused."""
    path = tmp_path_factory.mktemp("proposal") / "proposal.safetensors"
    overrides = Overrides(
        training={"target_samples": 512},
        field={"n_levels": 2, "log2_hashmap_size": 10},
        sampler={"n_first": 12, "n_final": 6, "proposal_resolution": 32},
        method={"sampler": "proposal"},
    )
    trainer = new_trainer(open_dataset("demo", ReadOptions(8)), "cpu", 0, overrides)
    trainer.step()
    save_snapshot(path, trainer)
    running = launch(str(path), "--alpha-thre", "0", "--early-stop-eps", "0")
    running.pause_after(steps=2)
    return running


def test_the_panels_follow_the_sampler(proposing):
    proposing.pick(0.5, 0.6)
    proposing.widget("ray.text")
    proposing.wait_for_picture("the smaller picture")
    notes, rows = export(proposing)
    assert notes["sampler"].startswith("proposal n_proposals=1 n_first=12")
    assert len(numbers(notes["proposal, edges of weights [units]"])) == 13
    assert len(numbers(notes["proposal, weights"])) == 12 and len(rows) == 1 + 6
    before = proposing.state()["march"]
    for unused in ("march.render_step_size", "march.occ_thre"):
        proposing.click(unused, across=0.9)
    proposing.click("march.cone_angle.sweep")
    proposing.keep_screen("inspector-proposal")
    assert proposing.next_state()["march"] == before and "sweep.name" not in proposing.state()["widgets"]
    proposing.click("march.alpha_thre", across=0.9)
    proposing.wait_for(lambda s: s["march"]["alpha_thre"] > 0.01, "the alpha threshold, which the sampler uses")
