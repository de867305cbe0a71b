"""The image table in the real window."""

import json

import numpy as np
import pytest

from core.datasets import ASSETS

DASH = 18
"""Bright values of a row without a PSNR: a dash of six pixels. PSNRs may be there before a test could look."""


@pytest.fixture(scope="module")
def app(demo):
    """The demo with the table open."""
    demo.bring("images", "images.view.0")
    return demo


def frames_of(split: str) -> list[dict]:
    return json.loads((ASSETS / "demo" / f"transforms_{split}.json").read_text())["frames"]


def rows(state: dict) -> list[int]:
    """The numbers of the rows that are drawn."""
    names = [name for name in state["widgets"] if name.startswith("images.view.")]
    return sorted(int(name.split(".")[-1]) for name in names)


def go(app, row: int) -> dict:
    """Click a row; returns the state once the camera stands on a view."""
    app.drag("picture", 40, 0)
    app.wait_for(lambda s: s["photo"] is None, "the camera to leave the view")
    app.click(f"images.view.{row}", across=0.6)
    return app.wait_for(lambda s: s["photo"] is not None, "the camera on a view")


def test_each_view_has_its_thumbnail_and_its_psnr(app):
    def thumbnails() -> list[np.ndarray]:
        return [app.pixels(f"images.view.{row}")[:, 34:64] for row in range(4)]

    def figures() -> list[int]:
        return [int((app.pixels(f"images.view.{row}")[:, -60:] > 0.4).sum()) for row in range(4)]

    app.wait_for(lambda _: all(thumbnail.std() > 0.1 for thumbnail in thumbnails()), "the thumbnails")
    app.wait_for(lambda _: min(figures()) > 3 * DASH, "the figures")
    assert abs(thumbnails()[0] - thumbnails()[2]).mean() > 0.01
    app.wait_for_picture("a finished picture")
    app.keep_screen("images")


def test_a_click_puts_the_camera_on_that_very_view(app):
    state = go(app, 3)
    assert state["photo"] == {"split": "train", "index": 3}
    pose = np.reshape(state["camera"]["c2w"], (4, 4))
    np.testing.assert_allclose(pose, frames_of("train")[3]["transform_matrix"], atol=1e-5)
    app.key("bracketright")
    app.wait_for(lambda s: s["photo"] == {"split": "train", "index": 4}, "the next training view")


def test_the_filter_shows_the_test_views_alone_down_to_the_last_one(app):
    app.click("images.test")
    app.next_state()
    state = go(app, 0)
    assert state["photo"] == {"split": "test", "index": 0}
    pose = np.reshape(state["camera"]["c2w"], (4, 4))
    np.testing.assert_allclose(pose, frames_of("test")[0]["transform_matrix"], atol=1e-5)
    x, y, width, height = app.widget("images.view.2")
    app.xdotool("mousemove", x + width // 2, y + height // 2)
    app.xdotool("click", "--repeat", 90, "--delay", 20, 5)
    last = rows(app.next_state())[-1]
    assert go(app, last)["photo"] == {"split": "test", "index": len(frames_of("test")) - 1}
    app.click("images.all")


def test_a_click_on_the_name_sorts_by_it_and_another_reverses_the_order(app):
    x, y, width, _ = app.widget("images.view.0")
    firsts = []
    for _ in range(2):
        app.xdotool("mousemove", x + width // 2, y - 12)
        app.next_state()
        app.xdotool("mousedown", 1)
        app.next_state()
        app.xdotool("mouseup", 1)
        app.next_state()
        photo = go(app, 0)["photo"]
        firsts.append(photo["index"])
    assert firsts == [0, len(frames_of("train")) - 1]


def test_the_error_map_of_a_view_is_shown_and_hidden(app):
    app.click("images.error.1")
    state = app.wait_for(lambda s: s["view"]["compare"] == "photo", "the comparison with the photo")
    assert state["view"]["compare_as"] == "difference" and state["photo"]["split"] == "train"
    app.wait_for_picture("the error map")
    app.keep_screen("images-error-map")
    app.click("images.error.1")
    app.wait_for(lambda s: s["view"]["compare"] == "off", "the picture alone")


def test_a_view_is_left_out_of_training_while_it_is_not_ticked(app):
    photo = go(app, 0)["photo"]
    app.click("images.tick.0")
    app.wait_for(lambda s: s["excluded"] == [photo["index"]], "the view to be left out")
    app.keep_screen("images-left-out")
    app.click("images.tick.0")
    app.wait_for(lambda s: s["excluded"] == [], "the view to be back")


def test_training_goes_on_with_the_table_open(app):
    before = app.state()["step"]
    app.click("picture")
    app.key("space")
    state = app.wait_for(lambda s: s["step"] > before + 30, "further steps")
    assert "images.view.0" in state["widgets"] and "Traceback" not in app.output()
