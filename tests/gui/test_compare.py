"""Two settings compared in the real window, and a render with its photo."""

import numpy as np
import pytest

from viewer.picture.export.screenshots import read_metadata, request_from
from viewer.protocol.view_settings import Compare, CompareAs


@pytest.fixture(scope="module")
def app(demo):
    """The demo with the panel in front."""
    demo.bring("compare", "compare.keep")
    yield demo
    demo.click("compare.what.off")


def hover(app, across: float):
    """Move the cursor over the picture, to a share of its width, at three quarters of its height."""
    x, y, width, height = app.widget("picture")
    app.xdotool("mousemove", round(x + across * width), round(y + 0.75 * height))
    app.next_state()


def drag(app, start: float, end: float):
    """Drag from one share of the picture's width to another."""
    hover(app, start)
    app.xdotool("mousedown", 1)
    for share in np.linspace(start, end, 6):
        hover(app, share)
    app.xdotool("mouseup", 1)
    app.next_state()


def columns(picture, first: float, last: float):
    """The columns between two shares of the width, below the text on the picture."""
    height, width, _ = picture.shape
    return picture[height // 5 :, round(first * width) : round(last * width)]


def changed(before, after) -> float:
    """The share of pixels that differ visibly."""
    return float((abs(before - after).max(axis=-1) > 0.05).mean())


def test_the_divider_shows_a_on_its_left_and_b_on_its_right_and_can_be_dragged(app):
    a = app.wait_for_picture("a finished picture")
    app.click("compare.keep")
    app.bring("thresholds", "march.early_stop_eps")
    app.click("march.early_stop_eps", across=0.97)
    app.wait_for(lambda s: s["march"]["early_stop_eps"] > 0.3, "B's threshold")
    app.bring("compare", "compare.keep")
    app.click("compare.what.off")
    b = app.wait_for_picture("the picture of B")
    assert changed(a, b) > 0.02
    app.click("compare.what.settings")
    app.wait_for_picture("both pictures")
    drag(app, 0.5, 0.35)
    state = app.wait_for(lambda s: s["view"]["divider"] == pytest.approx(0.35, abs=0.01), "the dragged divider")
    assert state["view"]["compare"] == "settings"
    hover(app, 0.8)
    both = app.wait_for_picture("the picture with its divider")
    app.keep_screen("compare-divider")
    assert changed(columns(both, 0.0, 0.3), columns(a, 0.0, 0.3)) < 0.002
    assert changed(columns(both, 0.4, 1.0), columns(b, 0.4, 1.0)) < 0.002
    assert changed(columns(both, 0.0, 1.0), columns(b, 0.0, 1.0)) > 0.005, "A is not shown"


def test_away_from_the_divider_a_drag_orbits(app):
    before, divider = app.wait_for_picture("a finished picture"), app.state()["view"]["divider"]
    drag(app, 0.6, 0.8)
    assert changed(before, app.wait_for_picture("the turned picture")) > 0.02
    assert app.state()["view"]["divider"] == divider
    app.key("r")


def test_swapping_and_the_difference(app):
    march = app.state()["march"]
    app.click("compare.swap")
    app.wait_for(lambda s: s["march"] != march, "A's thresholds")
    app.click("compare.swap")
    app.wait_for(lambda s: s["march"] == march, "B's thresholds")
    app.click("compare.how.difference")
    picture = app.wait_for_picture("the difference")
    app.keep_screen("compare-difference")
    assert np.median(picture[: len(picture) // 2].max(axis=-1)) < 0.2, (
        "most pixels hardly differ, and the map starts dark"
    )
    app.click("compare.how.blend")
    app.wait_for_picture("the blend")
    app.click("view.blend", across=0.02)
    app.wait_for(lambda s: s["view"]["blend"] < 0.1, "the blend's share")


def test_a_photo_is_compared_from_its_own_view_and_the_screenshot_remembers_it(app):
    app.click("compare.how.divider")
    app.key("bracketright")
    app.click("compare.what.photo")
    app.wait_for(lambda s: s["view"]["compare"] == "photo", "the photo")
    hover(app, 0.8)
    app.wait_for_picture("photo and render")
    app.next_state()
    app.keep_screen("compare-photo")
    saved = request_from(read_metadata(app.take_screenshot())).view
    assert saved.photo is not None and saved.view.compare is Compare.PHOTO
    assert saved.view.compare_as is CompareAs.DIVIDER


def test_away_from_the_photos_view_the_plain_picture_is_shown(app):
    app.click("compare.how.first")
    photo = app.wait_for_picture("the photo")
    drag(app, 0.5, 0.52)
    render = app.wait_for_picture("the picture from beside the view")
    assert changed(photo, render) > 0.02
    assert app.state()["view"]["compare"] == "photo", "the comparison returns at the next view"
