"""A new tool, picture mode or overlay takes one file and one line: added here to a copy of the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.readme import python_block

REPOSITORY = Path(__file__).resolve().parents[2]

FILES = {
    "tools/toy.py": python_block("def doubled"),
    "picture/modes/toy.py": '''
import numpy as np
from viewer.picture.modes.base import Painted, PictureMode
from viewer.protocol.frames import Legend

def paint(output, endless):
    rgb = np.full_like(output.colors, 0.25)
    return Painted(rgb, np.ones_like(output.opacities), Legend("Toy", "grey", "", 0.0, 1.0))

MODE = PictureMode("Toy", paint, lambda a, b: np.full_like(a.opacities, 2.0), "toys")
''',
    "picture/overlays/toy.py": '''
from viewer.picture.overlays.base import Overlay

def draw(rgba, scene, pose, occluders):
    result = rgba.copy()
    result[0, 0] = [1.0, 0.0, 0.0, 1.0]
    return result

OVERLAY = Overlay(draw, layer=3)
''',
}  # fmt: skip

LINES = (
    (
        "tools/__init__.py",
        'TOOLS.register("method", "viewer.tools.method")\n',
        'TOOLS.register("toy", "viewer.tools.toy")\n',
    ),
    ("protocol/view_settings.py", '    SAMPLES = "samples"\n', '    TOY = "toy"\n'),
    (
        "protocol/view_settings.py",
        '    show_box: Annotated[bool, Setting("Draw the scene\'s box.", label="Scene box")] = False\n',
        '    show_toy: Annotated[bool, Setting("Draw a toy.", label="Toy")] = False\n',
    ),
)
"""A file, the line after which a line is added, and the added line."""

TICKED = """
from core.process import configure

configure(threads=1)

import sys
from pathlib import Path

import numpy as np
import pytest

import viewer
from tests.viewer.live import ask, live_session, write_quick_ball
from viewer.protocol.view_settings import Mode
from viewer.tools.toy import TOY

folder = sys.argv[1]
assert viewer.__file__.startswith(folder)

with pytest.MonkeyPatch.context() as patch:
    session = live_session(write_quick_ball(Path(folder) / "ball"), patch)
    session.ask(TOY, 21)
    ask(session, mode=Mode("toy"), show_toy=True)
    while session.frame is None or session.result(TOY) is None:
        session.tick()
assert session.result(TOY) == "42 in ball"
rgba, legends = session.frame.rgba, session.frame.legends
assert rgba[0, 0].tolist() == [1.0, 0.0, 0.0, 1.0]
assert np.allclose(rgba[1:, :, :3], 0.25) and [legend.title for legend in legends] == ["Toy"]
session.close()
"""

LISTED = """
from core.config.setting import settings_of
from viewer.picture.modes import mode_of
from viewer.picture.overlays.drawing import overlays
from viewer.protocol.view_settings import OVERLAYS, Mode, ViewSettings

assert [mode_of(mode).label for mode in Mode][-1] == "Toy"
assert "show_toy" in OVERLAYS and "show_toy" in settings_of(ViewSettings)
assert list(overlays()) == ["show_points", "show_box", "show_cameras", "show_toy"]
"""


@pytest.fixture
def copy(tmp_path) -> Path:
    """A folder with a copy of `viewer` that includes the toys, and links to everything that it needs."""
    shutil.copytree(REPOSITORY / "viewer", tmp_path / "viewer", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("core", "assets", "tests"):
        (tmp_path / name).symlink_to(REPOSITORY / name, target_is_directory=True)
    for name, text in FILES.items():
        (tmp_path / "viewer" / name).write_text(text)
    for name, before, line in LINES:
        file = tmp_path / "viewer" / name
        text = file.read_text()
        assert text.count(before) == 1
        file.write_text(text.replace(before, before + line))
    return tmp_path


def run(script: str, folder: Path) -> None:
    """Run a script with the copy instead of the package."""
    (folder / "script.py").write_text(script)
    ended = subprocess.run(
        [sys.executable, "script.py", str(folder)],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def test_a_session_shows_the_new_mode_and_overlay_and_answers_with_the_new_tool(copy):
    run(TICKED, copy)


def test_the_lists_of_modes_and_overlays_contain_the_new_ones(copy):
    run(LISTED, copy)
