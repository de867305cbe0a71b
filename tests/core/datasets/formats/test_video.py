"""Videos: the sharpest frame of each part is kept, upright, and handled as a photo."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from core.datasets import open_dataset
from core.datasets.formats import photos, video
from core.datasets.loading import sharpness as judging
from core.errors import DatasetError


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(photos, "user_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(video, "user_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def frames(n: int) -> list[np.ndarray]:
    """Frames of moving squares, 64x48."""
    pattern = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    return [np.roll(pattern, 2 * index, 1) for index in range(n)]


def write_video(path: Path, pictures: list[np.ndarray], codec: str = "libx264") -> Path:
    iio.imwrite(path, np.stack(pictures), plugin="pyav", codec=codec, fps=10)
    return path


def chosen(path: Path, progress=lambda share, text: None) -> dict[int, np.ndarray]:
    """The frames kept from a video, by index."""
    folder = video._frames_of(path, progress)
    assert all(picture.suffix == ".jpg" for picture in folder.iterdir()), "only images must be left"
    return {int(picture.stem[-6:]): np.asarray(Image.open(picture)) for picture in sorted(folder.iterdir())}


def refusal(path) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize(("name", "codec"), [("A.MOV", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")])
def test_frames_equal_the_videos(tmp_path, name, codec):
    pictures = frames(5)
    kept = chosen(write_video(tmp_path / name, pictures, codec))
    assert list(kept) == [0, 1, 2, 3, 4]
    for index, picture in kept.items():
        assert np.abs(picture.astype(int) - pictures[index]).mean() < 10.0


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2)])
def test_frames_are_upright_as_the_phone_was_held(tmp_path, matrix, turns):
    upright = chosen(write_video(tmp_path / "a.mp4", frames(3)))
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    at = content.index(b"tkhd") + 44  # the track's matrix: fixed-point numbers a b u c d v x y w
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        content[at + place : at + place + 4] = (value << 16).to_bytes(4, "big", signed=True)
    (tmp_path / "turned.mp4").write_bytes(content)
    for index, picture in chosen(tmp_path / "turned.mp4").items():
        expected = np.rot90(upright[index], turns)
        assert picture.shape == expected.shape
        assert np.abs(picture.astype(int) - expected).mean() < 3.0


def test_a_cancelled_choice_is_incomplete_and_resumes_later(tmp_path, cache, monkeypatch):
    class Cancelled(Exception):
        pass

    def cancel(share, text):
        if "17 looked at" in text:
            raise Cancelled

    path = write_video(tmp_path / "a.mp4", frames(24))
    with pytest.raises(Cancelled):
        chosen(path, cancel)
    assert list(cache.rglob("*.jpg")) and not list(cache.rglob("frames/*/frames"))
    looked = []
    judge = judging._sharpness_of
    monkeypatch.setattr(judging, "_sharpness_of", lambda frame: looked.append(frame) or judge(frame))
    assert list(chosen(path)) == list(range(24))
    assert len(looked) == 8, "16 were examined already"
    monkeypatch.setattr(video, "_choose", None)
    assert len(chosen(path)) == 24, "a complete choice is not repeated"


@pytest.mark.parametrize("content", [b"", b"no video" * 1000])
def test_a_file_that_is_no_video_is_refused(tmp_path, cache, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert "expected a video, found nothing that can be decoded" in refusal(tmp_path / "a.mp4")
    assert not list(cache.rglob("frames/*"))


@pytest.mark.parametrize("n", [1, 2])
def test_a_video_needs_frames(tmp_path, cache, n):
    assert f"expected a video of at least 3 frames, found {n}" in refusal(write_video(tmp_path / "a.mp4", frames(n)))
    assert not list(cache.rglob("*.jpg"))


def test_a_truncated_video_is_refused(tmp_path):
    content = write_video(tmp_path / "a.mp4", frames(40)).read_bytes()
    start = content.index(b"mdat")
    (tmp_path / "b.mp4").write_bytes(content[: start + 400] + bytes(len(content) - start - 400))
    assert "expected a video, found" in refusal(tmp_path / "b.mp4")


def test_the_error_for_a_folder_with_a_video_names_it(tmp_path):
    (tmp_path / "folder").mkdir()
    write_video(tmp_path / "folder" / "clip.mov", frames(3))
    assert "open what can be opened in it, clip.mov" in refusal(tmp_path / "folder")


def test_a_cache_that_cannot_be_written_is_named(tmp_path, cache):
    path = write_video(tmp_path / "a.mp4", frames(3))
    cache.write_text("a file")
    with pytest.raises(DatasetError, match=f"{cache}.*can't be read or written"):
        open_dataset(path)


def test_a_video_becomes_a_dataset(tmp_path, data):
    pictures = []
    for path in sorted((data / "fox" / "images").iterdir())[:8]:
        with Image.open(path) as image:
            pictures.append(np.asarray(image.reduce(4)))
    updates = []
    path = write_video(tmp_path / "fox.mp4", pictures)
    dataset = open_dataset(path, progress=lambda share, text: updates.append((share, text)))
    assert (dataset.format, dataset.name, dataset.path) == ("video", "fox", path)
    assert len(dataset.train) + len(dataset.test) == 8
    assert dataset.notes[:2] == (
        "The sharpest frames of 8 equal parts of the video serve as photos.",
        "All 8 photos were placed.",
    )
    shares = [share for share, _ in updates]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert {"choosing sharp frames", "matching photos"} <= {text.split(":")[0] for _, text in updates}
    assert {each.name for each in tmp_path.iterdir()} == {"fox.mp4", "cache"}, (
        "nothing must be written next to the video"
    )
