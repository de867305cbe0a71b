#!/usr/bin/env python3
"""Take the READMEs' screenshots of the window: python -m tests.benchmarks.window_pictures FOLDER

Drives the program on a virtual screen as the window's tests do; takes six minutes. FOLDER is created if needed, and
must not contain any of the screenshots yet.
"""

import sys
import time
from pathlib import Path

from tests.gui.app import App
from tests.gui.start import running, virtual_screen

_TRAINED, _SHORT = 40.0, 25.0
"""Seconds of training before the pictures are taken."""

_STILL = 3.0

_PROPOSAL = 3
"""The index of this sampler in the drop-down list."""

_PICTURES = (
    "window.png", "occupancy.png", "scene.png", "inspector.png", "thresholds_compared.png", "images.png", "method.png",
    "proposal_ray.png", "flight.png",
)  # fmt: skip

_NOWHERE = (530, 18)
"""A point on the toolbar without a button."""

_LEFT = (0, 42, 934, 772)
"""The part of the screen with the picture and what is docked below it."""

_LOWER = (0, 506, 934, 772)
"""The panels docked below the picture."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if there := [name for name in _PICTURES if (folder / name).exists()]:
        sys.exit(
            f"expected a folder without {', '.join(_PICTURES)}, found {', '.join(there)} in {folder}: name another"
        )
    with virtual_screen() as display:
        with running(display, "demo") as app:
            _trained(app, _TRAINED)
            _keep(app, folder / "window.png")
            app.toggle("paused")
            app.bring("grid", "view.cells_opacity")
            app.click("view.cells_opacity", across=0.6)
            app.wait_for_picture("the grid's cells")
            _keep(app, folder / "occupancy.png")
            app.click("view.cells_opacity", across=0.01)
            app.bring("place", "place.fit")
            app.wait_for(lambda s: s["place"]["handles"], "the handles")
            app.wait_for_picture("the box")
            _keep(app, folder / "scene.png")
            app.bring("thresholds", "march.back")
            _inspect(app)
            _keep(app, folder / "inspector.png", _LEFT)
            app.click("ray.clear")
            _compare_thresholds(app)
            _keep(app, folder / "thresholds_compared.png")
            app.click("compare.what.off")
            app.click("march.back")
            _plan_flight(app)
            _keep(app, folder / "flight.png", _LEFT)
            app.click("panels")
            app.click("panels.flight")
            app.key("Escape", "r")
            app.bring("images", "images.view.0")
            _stand_still(app, _LOWER)
            _keep(app, folder / "images.png", _LOWER)
            app.bring("method", "method.start")
            app.choose("method.sampler", _PROPOSAL)
            app.click("method.start")
            app.click("method.sure")
            app.wait_for(lambda s: s["method"]["sampler"] == "proposal" and s["step"] > 0, "the other method")
            _trained(app, _SHORT)
            app.toggle("paused")
            app.click("method.compare")
            app.wait_for_picture("both pictures")
            _keep(app, folder / "method.png")
        with running(display, "demo", "--sampler", "proposal", "--n-proposals", "2") as app:
            _trained(app, 2 * _TRAINED)
            app.toggle("paused")
            _inspect(app)
            _keep(app, folder / "proposal_ray.png", _LEFT)


def _trained(app: App, seconds: float) -> None:
    app.wait_for(lambda s: s["seconds"] >= seconds, f"{seconds:g} seconds of training")


def _inspect(app: App) -> None:
    """Pick a ray, and orbit until it is seen from the side."""
    app.wait_for_picture("a finished picture")
    app.pick(0.43, 0.63)
    app.widget("ray.text")
    app.wait_for_picture("the smaller picture")
    app.drag("picture", 260, 40)
    app.wait_for_picture("the ray from the side")


def _compare_thresholds(app: App) -> None:
    """Compare the present thresholds with a far higher early stop."""
    app.bring("compare", "compare.keep")
    app.click("compare.keep")
    app.bring("thresholds", "march.early_stop_eps")
    app.click("march.early_stop_eps", across=0.97)
    app.wait_for(lambda s: s["march"]["early_stop_eps"] > 0.3, "B's threshold")
    app.bring("compare", "compare.what.settings")
    app.click("compare.what.settings")
    app.wait_for_picture("both pictures")


def _plan_flight(app: App) -> None:
    """Place keys around the scene, keep a view, and look at the path from outside."""
    for _ in range(5):
        app.key("k")
        app.drag("picture", 100, 8)
    app.click("flight.keep")
    app.drag("picture", 40, 14)
    app.xdotool("click", "--repeat", 8, "--delay", 60, 5)
    app.wait_for_picture("the path from outside")


def _stand_still(app: App, part: tuple[int, int, int, int]) -> None:
    """Wait until a part of the screen has not changed for `_STILL` seconds."""
    before, after = None, app.screen().crop(part).tobytes()
    while before != after:
        time.sleep(_STILL)
        before, after = after, app.screen().crop(part).tobytes()


def _keep(app: App, path: Path, part: tuple[int, int, int, int] | None = None) -> None:
    """Save the screen or a part of it, with the mouse over no widget."""
    app.xdotool("mousemove", *_NOWHERE)
    app.next_state()
    picture = app.screen().convert("RGB").crop(part)
    with path.open("xb") as file:
        picture.save(file, format="PNG", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
