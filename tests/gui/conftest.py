"""A virtual screen, and the real program on it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gui.app import App
from tests.gui.start import SMALL_NETWORK, start_app, start_small_app, virtual_screen

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


@pytest.fixture(scope="session")
def shared(display, tmp_path_factory) -> Iterator[Callable[[], App]]:
    """Returns the window of `demo`, started again if it has closed or failed, or isn't as it was at first."""
    app: App | None = None
    at_first: dict = {}

    def in_first_state() -> App:
        nonlocal app, at_first
        if app is not None and app.process.poll() is None and app.state()["state"] in ("paused", "training"):
            app.wake()
            app.put_back()
            if what_matters(app.next_state()) == at_first:
                return app
        if app is not None:
            app.end()
        app = start_small_app(display, tmp_path_factory.mktemp("window"), "demo", *SMALL_NETWORK)
        app.pause_after(steps=100)
        at_first = what_matters(app.next_state())
        return app

    yield in_first_state
    if app is not None:
        app.end()


@pytest.fixture(scope="module")
def demo(shared) -> Iterator[App]:
    """The demo, trained a little and then paused, so that only the tests change the picture. All files' tests share
    this window, whose panels stay as the file before left them: use `launch` for a window with other settings, or to
    test how one starts."""
    app = shared()
    yield app
    app.sleep()


def what_matters(state: dict) -> dict:
    """What the tests of a file must leave as it was, for the tests of the next one to share the window."""
    names = ("scene", "reading", "method", "former", "excluded", "march", "camera", "view", "errors", "collapse")
    return {name: state[name] for name in names}
