"""Panels can be closed and opened, and the window remembers it."""

from viewer.state.dock_layout import PANELS


def picture_width(state: dict) -> int:
    return state.get("widgets", {}).get("picture", (0, 0, 0, 0))[2]


def test_a_closed_panel_stays_closed_and_comes_back_from_the_menu(launch):
    app = launch("demo", "--render-step-size", "0.04")
    app.wait_for(lambda s: s["step"] >= 5, "training of the demo")
    picture = app.widget("picture")
    app.click("panels")
    app.click("panels.training")
    app.wait_for(lambda s: "training.step" not in s["widgets"], "the panel to close")
    assert app.widget("picture") == picture, "the other panel of the side takes the room"
    for tag in (tag for tag, place in PANELS.items() if place.shown and tag != "training"):
        app.click(f"panels.{tag}")
    app.wait_for(lambda s: picture_width(s) > picture[2] + 100, "the picture to take the side's room")
    app.close()
    assert app.process.wait(timeout=60) == 0, app.output()

    again = launch("demo", "--render-step-size", "0.04", cache=app.cache)
    again.wait_for(lambda s: picture_width(s) > picture[2] + 100, "the layout of the last time")
    assert "training.step" not in again.state()["widgets"]
    again.click("panels")
    again.click("panels.training")
    again.wait_for(lambda s: "training.step" in s["widgets"], "the panel to open")
