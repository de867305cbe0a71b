"""Shared by all tests: splitting a full run over the cores, fixtures that write small scenes, and the real scenes next
to the project.

`pytest` without a path runs all tests in one process per core, up to a limit. This is no option in pyproject.toml,
because `pytest -p no:xdist` would reject it, and a run of one file ends before more processes have started.
"""

import gc
import os
from pathlib import Path

import pytest

from core.process import available_cores, configure

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
MOST_WORKERS = 8
"""Each takes about 1 GB and ten seconds to start; more would only wait for the window's tests anyway."""

# Before torch is imported. The processes share the cores; tests of threads set the number of threads themselves.
configure(threads=max(1, available_cores() // WORKERS))

from tests.ball import write_ball  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
WINDOWS, PRETENDED = "tests/gui/", "tests/pretended_cuda/"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Split a run of all tests over the cores, unless the command line says how (`-n 0` doesn't split)."""
    option = config.option
    if "PYTEST_XDIST_WORKER" in os.environ or getattr(option, "numprocesses", 0) is not None:
        return  # a worker; or xdist is missing, or its options are set
    selects = config.args_source is pytest.Config.ArgsSource.ARGS or option.keyword or option.markexpr
    workers = min(available_cores(), MOST_WORKERS)
    if workers > 1 and not selects and not option.usepdb:
        option.numprocesses = workers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the window's tests first: they take longest, and a single worker runs them."""
    items.sort(key=lambda item: not item.nodeid.startswith(WINDOWS))


def pytest_collection_finish() -> None:
    """Exempt modules and the list of tests from garbage collection: a full collection takes 0.2 s with them."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Run each file's tests in one worker, which makes their scenes once, and all window tests in a single worker, as
    all those on the pretended GPU.

    A window waits about as long as it computes, so its worker and one that only computes keep two cores busy.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            together = (folder for folder in (WINDOWS, PRETENDED) if nodeid.startswith(folder))
            return next(together, super()._split_scope(nodeid))

    config.option.loadscopereorder = False  # keep the order of collection: windows first
    return Scheduling(config, log)


@pytest.fixture
def ball_scene(tmp_path) -> Path:
    """A Blender dataset of 24x24 pixels: 9 training and 3 test views of a ball."""
    return write_ball(tmp_path / "ball", train=9, test=3)


@pytest.fixture
def small_tables(monkeypatch):
    """The self-check with the networks of other tests, whose kernels are compiled already."""
    from core.self_check import inputs
    from tests.scenes import SMALL_FIELD

    monkeypatch.setattr(inputs, "SMALL_TABLES", SMALL_FIELD)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real scenes. Without it a test is skipped, or fails if REQUIRE_DATA=1."""
    folder = Path(os.environ.get("FIRSTLIGHT_DATA") or REPOSITORY.parent / "shared" / "data")
    return _require(folder)


@pytest.fixture(scope="session")
def lego(data) -> Path:
    """The official Blender scene: 100 training and 40 test views, 800x800 RGBA."""
    return _require(data / "lego")


def _require(folder: Path) -> Path:
    if not folder.is_dir():
        message = f"needs the real scenes, found nothing at {folder}: set FIRSTLIGHT_DATA to their folder"
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return folder
