"""A virtual screen, and the real program on it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui.app import ROOT, App

TOOLS = {"Xvfb": "the package xvfb", "xdotool": "the package xdotool"}


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A screen of our own, so that no test moves the mouse of whoever runs it."""
    missing = [f"{tool} ({package})" for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        reason = f"the window's tests need {', '.join(missing)}: install it"
        if os.environ.get("REQUIRE_GUI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as number:
        name = number.readline().strip()
    try:
        assert name, "Xvfb ended before it gave a display"
        yield f":{name}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def launch(display, tmp_path_factory) -> Iterator:
    """Starts the program; whatever is left of it ends with the module."""
    started: list[App] = []

    def start(*arguments: str, cache: Path | None = None) -> App:
        folder = tmp_path_factory.mktemp("window")
        log = folder / "status.jsonl"
        env = os.environ | {
            "DISPLAY": display,
            "FIRSTLIGHT_STATUS_LOG": str(log),
            "XDG_CACHE_HOME": str(cache or folder / "cache"),
        }
        if "XDG_CACHE_HOME" not in os.environ:  # only our own list moves: compiled kernels stay where they are
            env["WARP_CACHE_PATH"] = os.environ.get("WARP_CACHE_PATH", str(Path.home() / ".cache" / "warp"))
        output = (folder / "output.txt").open("w")
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "run_viewer.py"), *arguments],
            cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(App(process, folder, log, display, cache or folder / "cache"))
        return started[-1]

    yield start
    for app in started:
        app.process.kill()
        app.process.wait()
