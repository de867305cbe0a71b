"""Starts the program on a private screen."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.gui.app import App
from viewer.panels import PANELS
from viewer.state import dock_layout
from viewer.state.dock_layout import Area

ROOT = Path(__file__).resolve().parents[2]
SMALL_NETWORK = ("--n-levels", "4", "--log2-hashmap-size", "12", "--hidden-dim", "32")
"""As large as `tests.scenes.SMALL_FIELD`, so that its kernels are compiled for other tests anyway."""

QUICK_DEMO = ("demo", "--render-step-size", "0.04", *SMALL_NETWORK)
"""The demo for tests that don't need good pictures."""

SMALL_WINDOW = (1024, 640)
"""Drawing a window and rendering its picture take most of the time of a test: both have half as many pixels in this
one as in a window of the default size."""


@contextmanager
def virtual_screen() -> Iterator[str]:
    """A private X display, yielded by its name, so that no user's mouse moves."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as number:
        name = number.readline().strip()
    try:
        assert name, "Xvfb ended before it named a display"
        yield f":{name}"
    finally:
        server.terminate()
        server.wait()


def start_app(
    display: str, folder: Path, arguments: tuple[str, ...], cache: Path | None = None, before: str = ""
) -> App:
    """Start the program in a folder.

    Args:
        cache: the folder for the layout and the recent scenes; None: one inside the folder.
        before: Python statements that run in its process before it starts.
    """
    log, cache = folder / "status.jsonl", cache or folder / "cache"
    env = os.environ | {"DISPLAY": display, "FIRSTLIGHT_STATUS_LOG": str(log), "XDG_CACHE_HOME": str(cache)}
    if "XDG_CACHE_HOME" not in os.environ:  # only our own list moves: compiled kernels stay where they are
        env["WARP_CACHE_PATH"] = os.environ.get("WARP_CACHE_PATH", str(Path.home() / ".cache" / "warp"))
    program = ROOT / "run_viewer.py"
    if before:
        start = f"import runpy\n{before}\nrunpy.run_path({str(program)!r}, run_name='__main__')\n"
        program = folder / "start.py"
        program.write_text(start)
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    output = (folder / "output.txt").open("w")
    process = subprocess.Popen(
        [sys.executable, str(program), *arguments],
        cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return App(process, folder, log, display, cache)


def start_small_app(display: str, folder: Path, *arguments: str) -> App:
    """Start the program in a window of `SMALL_WINDOW`, with a layout that a user may have saved: all panels of the side
    are tabs of one dock, so that each is as tall as in a window of the default size."""
    slots = [kind.slot() for kind in PANELS.values()]
    side = [replace(slot, area=Area.SIDE) if slot.area is Area.SIDE_TOP else slot for slot in slots]
    side.sort(key=lambda slot: slot.tag != "thresholds")  # the first tab lies on top
    layout = dock_layout.default_layout(side, *SMALL_WINDOW, scale=1.0)
    file = folder / "cache" / "firstlight" / "layout-1.ini"
    file.parent.mkdir(parents=True)
    file.write_text(layout.text)
    dock_layout.stamp(file, 1.0, layout.shown)
    return start_app(display, folder, (*arguments, "--window-size", "{}x{}".format(*SMALL_WINDOW)))


@contextmanager
def running(display: str, *arguments: str) -> Iterator[App]:
    """The program in a temporary folder, killed on exit."""
    with tempfile.TemporaryDirectory() as folder:
        app = start_app(display, Path(folder), arguments)
        try:
            yield app
        finally:
            app.end()
