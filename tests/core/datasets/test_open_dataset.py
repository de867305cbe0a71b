import os
import re
import zipfile

import pytest

from core import datasets
from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.datasets.loading import memory
from core.errors import DatasetError
from tests.ball import ball_views, mixed_ball_views, write_ball
from tests.photos import write_colmap, write_llff, write_nerfstudio, write_pictures


def refusal(path) -> str:
    """The error message for a path: one line that names the path."""
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_folder_is_named(tmp_path):
    assert f"{tmp_path / 'nowhere'} does not exist" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("path", ["\0", "x" * 5000, ""])
def test_impossible_paths_are_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    assert refusal(path)


def test_an_empty_folder_is_called_empty(tmp_path):
    message = refusal(tmp_path)
    assert str(tmp_path) in message
    assert "an empty folder" in message


@pytest.mark.parametrize("name", ["photo.png", "poses.json"])
def test_a_file_is_not_a_folder(tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert f"{tmp_path / name} is a file: expected a folder with transforms_train.json" in refusal(tmp_path / name)


def test_an_archive_must_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "scene", "w") as archive:
        archive.writestr("transforms.json", "{}")
    (tmp_path / "scene.tar.gz").write_bytes(b"")
    for name in ("scene", "scene.tar.gz"):
        assert "unpack it" in refusal(tmp_path / name)


def test_a_circular_link_is_named(tmp_path):
    os.symlink(tmp_path / "b", tmp_path / "a")
    os.symlink(tmp_path / "a", tmp_path / "b")
    assert "a link that leads nowhere" in refusal(tmp_path / "a")


def test_the_error_for_another_folder_lists_our_formats_and_its_contents(tmp_path):
    for index in range(9):
        (tmp_path / f"note_{index}.txt").touch()
    message = refusal(tmp_path)
    assert "transforms_train.json (Blender" in message
    assert "note_0.txt" in message
    assert "and 4 more" in message


def test_the_error_for_a_folder_of_datasets_says_to_open_one(tmp_path):
    write_ball(tmp_path / "ball", train=3)
    (tmp_path / "other").mkdir()
    assert re.search(r"is not a dataset: open what can be opened in it, ball/$", refusal(tmp_path))
    write_ball(tmp_path / "another", train=3)
    (tmp_path / "transforms_old.json").write_text("{}")
    assert re.search(
        r"open one of those that can be opened in it, another/, ball/, transforms_old\.json$", refusal(tmp_path)
    )


def test_the_json_stands_for_its_folder_and_a_string_is_accepted(ball_scene):
    by_folder, by_json = open_dataset(str(ball_scene)), open_dataset(ball_scene / "transforms_train.json")
    assert by_folder.path == by_json.path == ball_scene
    assert by_folder.train.names == by_json.train.names


def test_a_relative_path_becomes_absolute(ball_scene, monkeypatch):
    monkeypatch.chdir(ball_scene.parent)
    dataset = open_dataset("ball")
    assert (dataset.path, dataset.name) == (ball_scene, "ball")


def test_demo_means_our_scene_even_next_to_a_folder_of_that_name(tmp_path, monkeypatch):
    write_ball(tmp_path / "assets" / "demo", train=3, test=1)
    write_ball(tmp_path / "demo", train=4, test=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "ASSETS", tmp_path / "assets")
    assert open_dataset("demo").path == tmp_path / "assets" / "demo"
    assert open_dataset("./demo").path == tmp_path / "demo"
    monkeypatch.setattr(datasets, "ASSETS", tmp_path / "gone")
    assert str(tmp_path / "gone") in refusal("demo")


def test_progress_grows_to_one_and_names_the_images(ball_scene):
    updates = []
    open_dataset(ball_scene, progress=lambda share, text: updates.append((share, text)))
    shares = [share for share, _ in updates]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert "reading image 12 of 12" in [text for _, text in updates]


def test_an_exception_in_the_progress_callback_ends_the_opening(ball_scene):
    class Cancelled(Exception):
        pass

    def cancel(share, text):
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_dataset(ball_scene, progress=cancel)


WRITERS = {
    "blender": lambda folder: write_ball(folder, train=9, test=3),
    "nerfstudio": lambda folder: write_nerfstudio(folder, ball_views(12, 24)),
    "several sizes": lambda folder: write_nerfstudio(folder, mixed_ball_views(12), per_frame=True),
    "llff": lambda folder: write_llff(folder, ball_views(12, 24)),
    "colmap": lambda folder: write_colmap(folder, ball_views(12, 24)),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_images_too_large_for_memory_are_read_as_with_downscale(tmp_path, monkeypatch, write):
    folder = write(tmp_path / "scene")
    whole = open_dataset(folder)
    assert whole.reading.downscale == 1
    monkeypatch.setattr(memory, "free_memory", lambda: 0.3 * (whole.train.nbytes + whole.test.nbytes) / memory._SHARE)
    fitting = open_dataset(folder)
    monkeypatch.undo()
    explicit = open_dataset(folder, ReadOptions(2))
    assert fitting.reading.downscale == explicit.reading.downscale == 2
    assert fitting.train.images.equal(explicit.train.images) and fitting.test.images.equal(explicit.test.images)
    assert fitting.train.cameras.K.equal(explicit.train.cameras.K)
    (note,) = set(fitting.notes) - set(explicit.notes)
    assert "read reduced by 2, as with --downscale 2" in note


def test_the_downscale_includes_the_stored_reduction(tmp_path):
    """So that opening them again with that downscale gives the same."""
    views = ball_views(12, 24)
    folder = write_llff(tmp_path, views)
    write_pictures(folder, views, factor=4)
    for downscale in (1, 2, 4, 8):
        assert open_dataset(folder, ReadOptions(downscale)).reading.downscale == downscale
    (folder / "images").rename(folder / "thrown away")
    assert [open_dataset(folder, ReadOptions(downscale)).reading.downscale for downscale in (1, 4, 8)] == [4, 4, 8]
