#!/usr/bin/env python3
"""Take the READMEs' pictures of the window: python -m tests.benchmarks.window_pictures FOLDER

Drives the program on a virtual screen as the window's tests do; takes four minutes. FOLDER is created if needed, and
must have none of the pictures yet.
"""

import sys
from pathlib import Path

from tests.gui.app import App, running, virtual_screen

_TRAINED, _SHORT = 40.0, 25.0
"""Seconds of training before the pictures are taken."""

_PROPOSAL = 3
"""The index of this sampler in the list."""

_PICTURES = ("window.png", "inspector.png", "method.png", "proposal_ray.png")

_NOWHERE = (530, 18)
"""A point on the toolbar without a button."""

_LEFT = (0, 42, 934, 772)
"""The part of the screen with the picture and what is docked below it."""


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
            _inspect(app)
            _keep(app, folder / "inspector.png", _LEFT)
            app.click("ray.clear")
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


def _keep(app: App, path: Path, part: tuple[int, int, int, int] | None = None) -> None:
    """Save the screen or a part of it, with the mouse over nothing."""
    app.xdotool("mousemove", *_NOWHERE)
    app.next_state()
    picture = app.screen().convert("RGB").crop(part)
    with path.open("xb") as file:
        picture.save(file, format="PNG", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
