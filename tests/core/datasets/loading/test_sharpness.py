"""The sharpest images of a sequence: one per equal run, however long the sequence, also after interruptions."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.datasets.loading import sharpness as judging
from core.datasets.loading.sharpness import Sharpest, sharpness

PATTERN = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
BLURRED = np.asarray(Image.fromarray(PATTERN).filter(ImageFilter.GaussianBlur(2)))


def sequence(n: int, sharp) -> list[np.ndarray]:
    """n images of one pattern, blurred except for the sharp ones."""
    return [PATTERN if index in sharp else BLURRED for index in range(n)]


def kept(folder: Path) -> set[int]:
    """The indices of the images in a folder with nothing else in it."""
    return {int(path.stem.removeprefix("frame_")) for path in folder.iterdir()}


@pytest.fixture
def four(monkeypatch):
    """Keep only four images, and examine all."""
    monkeypatch.setattr(judging, "MOST_KEPT", 4)


def test_a_blurred_image_is_less_sharp_and_flat_or_tiny_ones_are_no_error():
    grey, blurred = (picture.mean(-1, dtype=np.float32) for picture in (PATTERN, BLURRED))
    assert sharpness(grey) > 2.0 * sharpness(blurred) > 0.0
    assert sharpness(np.zeros((9, 9), np.float32)) == 0.0 and sharpness(np.zeros((2, 9), np.float32)) == 1.0


@pytest.mark.parametrize(
    ("n", "sharp"),
    [
        (3, {0, 1, 2}),
        (4, {0, 1, 2, 3}),
        (8, {1, 2, 5, 6}),
        (16, {3, 4, 8, 15}),
        (24, {5, 9, 20}),
        (28, {0, 15, 17, 25}),  # half a run counts as a run
        (32, {0, 8, 16, 31}),
    ],
)
def test_the_sharpest_of_each_run_is_kept(tmp_path, four, n, sharp):
    choice = Sharpest(tmp_path)
    for picture in sequence(n, sharp):
        choice.look(picture)
    choice.finish()
    assert kept(tmp_path) == sharp


@pytest.mark.parametrize("n", [101, 333])
def test_between_half_and_all_of_the_maximum_are_kept(tmp_path, n):
    choice = Sharpest(tmp_path)
    for picture in [PATTERN[:4, :4]] * n:
        choice.look(picture)
    choice.finish()
    assert 50 <= len(kept(tmp_path)) <= 100


def test_long_runs_are_examined_in_part(tmp_path, four, monkeypatch):
    looked = []
    monkeypatch.setattr(judging, "_sharpness_of", lambda picture: looked.append(picture) or 0.0)
    choice = Sharpest(tmp_path)
    for picture in sequence(4 * 64, ()):
        choice.look(picture)
    assert 32 < len(looked) < 4 * 64 // 2


@pytest.mark.parametrize("at", [1, 4, 7, 17, 23])
def test_it_resumes_where_it_stopped(tmp_path, four, monkeypatch, at):
    pictures = sequence(24, {5, 9, 20})
    choice = Sharpest(tmp_path)
    for picture in pictures[:at]:
        choice.look(picture)
    looked, judge = [], judging._sharpness_of
    monkeypatch.setattr(judging, "_sharpness_of", lambda picture: looked.append(picture) or judge(picture))
    again = Sharpest(tmp_path)
    for picture in pictures:
        again.look(picture)
    again.finish()
    assert kept(tmp_path) == {5, 9, 20}
    assert len(looked) <= 24 - at + 8, "only the run it was in may be examined again"


@pytest.mark.parametrize("spoil", ["state", "picture", "stray"])
def test_damaged_state_is_not_trusted(tmp_path, four, spoil):
    pictures = sequence(8, {1, 2, 5, 6})
    choice = Sharpest(tmp_path)
    for picture in pictures[:6]:
        choice.look(picture)
    (state,) = tmp_path.glob("*.json")
    first = min(tmp_path.glob("*.jpg"))
    if spoil == "state":
        state.write_text("{")
    elif spoil == "picture":
        first.unlink()
    else:
        (tmp_path / "frame_000000.jpg").write_bytes(first.read_bytes())
    again = Sharpest(tmp_path)
    for picture in pictures:
        again.look(picture)
    again.finish()
    assert kept(tmp_path) == {1, 2, 5, 6}


def test_images_are_rotated(tmp_path):
    choice = Sharpest(tmp_path)
    choice.look(PATTERN, 1)
    with Image.open(tmp_path / "frame_000000.jpg") as picture:
        assert np.abs(np.asarray(picture).astype(int) - np.rot90(PATTERN)).mean() < 10.0
