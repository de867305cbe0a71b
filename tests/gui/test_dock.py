"""Panels close and open, a new one joins them, and the window remembers where they are."""

from tests.gui.start import QUICK_DEMO
from tests.readme import python_block

TOY = python_block("class ToyPanel")
"""The file of the README's panel."""

BROKEN = """
from viewer.widgets.panel import Panel


class BrokenPanel(Panel):
    tag, title = "broken", "Broken"

    broken = False

    def update(self, status, frame):
        self.broken = status.scene is not None
        self.fail()

    def tick(self, status, frame, canvas):
        self.fail()

    def grabs(self, pointer, canvas):
        return self.fail()

    def fail(self):
        if self.broken:
            raise ValueError("a broken toy")


PANEL = BrokenPanel
"""
"""The file of a panel that fails while it is visible and a scene is open."""

REGISTERED = """
import sys
sys.path.insert(0, {folder!r})
from viewer.panels import PANELS
PANELS.register("toy", "toy_panel")
PANELS.register("broken", "broken_panel")
"""


def picture_width(state: dict) -> int:
    return state.get("widgets", {}).get("picture", (0, 0, 0, 0))[2]


def test_panels_stay_closed_and_open_from_the_menu_and_a_new_one_joins_them(launch, tmp_path):
    app = launch("demo")  # as most users first see it
    app.wait_for(lambda s: s["step"] >= 5, "training of the demo")
    picture = app.widget("picture")
    app.click("panels")
    assert "panels.toy" not in app.state()["widgets"]
    app.click("panels.training")
    app.wait_for(lambda s: "training.step" not in s["widgets"], "the panel to close")
    assert app.widget("picture") == picture, "the other panel at the side takes its room"
    for tag in ("thresholds", "view", "grid", "place"):
        app.click(f"panels.{tag}")
    app.wait_for(lambda s: picture_width(s) > picture[2] + 100, "the picture to take the side's room")
    app.close()
    assert app.process.wait(timeout=60) == 0, app.output()

    (tmp_path / "toy_panel.py").write_text(TOY)
    (tmp_path / "broken_panel.py").write_text(BROKEN)
    before = REGISTERED.format(folder=str(tmp_path))
    again = launch(*QUICK_DEMO, cache=app.cache, before=before)
    again.wait_for(lambda s: picture_width(s) > picture[2] + 100, "the layout of the last time")
    assert "training.step" not in again.state()["widgets"]
    again.click("panels")
    again.click("panels.training")
    again.wait_for(lambda s: "training.step" in s["widgets"], "the panel to open")
    again.click("panels.toy")
    again.wait_for(lambda s: "toy.step" in s["widgets"], "the new panel")
    x, y, width, height = again.settled_widget("picture")
    again.keep_screen("dock-new-panel")
    left, top, _, _ = again.widget("toy.step")
    assert x <= left < x + width and top > y + height, "it is docked below the picture"
    assert "Traceback" not in again.output()

    again.click("panels.broken")
    again.wait_for(lambda s: any("ValueError: a broken toy" in text for text in s["errors"]), "the panel's error")
    again.widget("error.close")
    step = again.state()["step"]
    again.wait_for(lambda s: s["step"] > step, "training, and the rest of the window, to go on")
    assert again.output().count("Traceback") == 1, "the error is reported once"
