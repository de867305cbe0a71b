"""What tests share: small scenes that are written when asked for, and the real scenes beside the project."""

import os
from pathlib import Path

import pytest

from core.process import configure

configure()  # before torch is imported

from tests.ball import write_ball  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def ball_scene(tmp_path) -> Path:
    """A Blender dataset of 24x24 pixels: 9 training and 3 test views of a ball."""
    return write_ball(tmp_path / "ball", train=9, test=3)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real scenes. Without it a test skips, or fails where REQUIRE_DATA=1 says that it must be there."""
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
