"""The occupancy panel: the line in its plot is the threshold, and the chosen colouring is drawn."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def app(demo):
    """The demo with the panel in front."""
    demo.bring("grid", "grid.histogram")
    return demo


def line_at(app) -> int:
    """The column of the plot's line, from the widget's left edge in pixels: nothing else in the plot is as red."""
    red, _, blue = np.moveaxis(app.pixels("grid.histogram"), -1, 0)
    share = (red - blue > 0.15).mean(axis=0)
    assert share.max() > 0.5, "the plot shows no line"
    return int(share.argmax())


def drag_line(app, dx: int) -> None:
    x, y, _, height = app.widget("grid.histogram")
    x, y = x + line_at(app), y + height // 3
    app.xdotool("mousemove", x, y)
    app.next_state()
    app.xdotool("mousedown", 1)
    app.next_state()
    for i in range(1, 6):
        app.xdotool("mousemove", x + dx * i // 5, y)
        app.next_state()
    app.xdotool("mouseup", 1)
    app.next_state()


def test_the_threshold_follows_the_line(app):
    app.wait_for_picture("a finished picture")
    before = app.state()["march"]["occ_thre"]
    occupied = app.state()["frame"]["occupied"]
    at = line_at(app)
    drag_line(app, 40)
    app.wait_for(lambda s: s["march"]["occ_thre"] > 2.0 * before, "a higher threshold")
    app.wait_for(lambda s: s["frame"]["occupied"] < occupied, "fewer occupied cells")
    assert line_at(app) > at + 20
    app.keep_screen("occupancy-threshold")
    higher = app.state()["march"]["occ_thre"]
    drag_line(app, -30)
    app.wait_for(lambda s: 0.0 < s["march"]["occ_thre"] < higher, "a lower threshold")
    drag_line(app, -400)
    app.wait_for(lambda s: s["march"]["occ_thre"] == 0.0, "the threshold at the left end: off")


def test_each_colouring_and_a_slice_look_different(app):
    plain = app.wait_for_picture("the plain picture")
    app.click("view.cells_opacity", across=0.9)
    seen = [plain]
    for place, color in enumerate(("level", "value", "changed", "cameras")):
        app.choose("view.cells_color", place)
        seen.append(app.wait_for_picture(f"cells coloured by {color}"))
        app.keep_screen(f"occupancy-{color}")
    app.click("view.cells_opacity", across=0.01)
    app.choose("view.slice_axis", 3)
    app.widget("view.slice_position")
    seen.append(app.wait_for_picture("the slice"))
    app.keep_screen("occupancy-slice")
    app.choose("view.slice_axis", 0)
    app.choose("view.cells_color", 0)
    app.double_click("view.cells_opacity")
    for i, picture in enumerate(seen):
        for other in seen[:i]:
            assert (np.abs(picture - other).max(axis=-1) > 0.05).mean() > 0.003
