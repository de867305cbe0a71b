"""A virtual screen, and the real program on it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui.app import App, start_app, virtual_screen

TOOLS = {"Xvfb": "the package xvfb", "xdotool": "the package xdotool"}


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The display on which all tests open their windows."""
    missing = [f"{tool} ({package})" for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        reason = f"the window's tests need {', '.join(missing)}: install it"
        if os.environ.get("REQUIRE_GUI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with virtual_screen() as name:
        yield name


@pytest.fixture(scope="module")
def launch(display, tmp_path_factory) -> Iterator:
    """Starts the program; processes still running at the module's end are killed."""
    started: list[App] = []

    def start(*arguments: str, cache: Path | None = None, before: str = "") -> App:
        started.append(start_app(display, tmp_path_factory.mktemp("window"), arguments, cache, before))
        return started[-1]

    yield start
    for app in started:
        app.end()
