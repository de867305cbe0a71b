"""Specific to `poses_bounds.npy`: its axes, stored reductions, and invalid files."""

import re

import numpy as np
import pytest
import torch

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.errors import DatasetError
from tests.ball import ball_views
from tests.photos import llff_rows, write_llff, write_pictures


def refusal(folder) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_stored_reductions_are_used_if_they_divide_the_downscale(tmp_path):
    views = ball_views(10, 24)
    folder = write_llff(tmp_path, views)
    write_pictures(folder, views, factor=2)
    for downscale, size, stored in ((1, 24, 1), (2, 12, 2), (4, 6, 2), (3, 8, 1)):
        dataset = open_dataset(folder, ReadOptions(downscale))
        camera = dataset.train.cameras
        assert (camera.width, camera.height) == (size, size)
        torch.testing.assert_close(camera.K[0], views.cameras.resized(size, size).K[0])
        assert any("stored reduced by 2" in note for note in dataset.notes) == (stored == 2)


def test_without_full_size_images_the_smallest_reduction_is_used(tmp_path):
    views = ball_views(10, 24)
    folder = write_llff(tmp_path, views)
    write_pictures(folder, views, factor=2)
    (folder / "images").rename(folder / "thrown away")
    assert open_dataset(folder).train.cameras.width == 12


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda rows: rows[:, :16], "10x16"),
        (lambda rows: rows[0], "17"),
        (lambda rows: rows[:0], "0x17"),
        (lambda rows: np.where(np.arange(17) == 14, 0.0, rows), "expected focal lengths in pixels"),
        (
            lambda rows: np.where(np.arange(17) == 3, np.nan, rows),
            "a pose as 4 rows of 4 numbers, found one that is not finite",
        ),
        (lambda rows: np.where(np.arange(17) == 16, np.inf, rows), "near < far"),
        (lambda rows: np.where(np.arange(17) == 16, 1.0, rows), "near < far"),
        (lambda rows: rows[:7], "7 poses"),
        (
            lambda rows: np.where((np.arange(17) % 5 < 3) & (np.arange(17) < 15), 0.0, rows),
            "a rotation, found a singular one",
        ),
    ],
)
def test_a_wrong_array_is_refused(tmp_path, change, found):
    folder = write_llff(tmp_path, ball_views(10, 24))
    np.save(folder / "poses_bounds.npy", change(llff_rows(ball_views(10, 24), 2.0, 4.0)))
    assert re.search(found, refusal(folder))


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00v\x00{'descr': '|O'"])
def test_a_file_that_is_no_array_is_refused(tmp_path, content):
    folder = write_llff(tmp_path, ball_views(10, 24))
    (folder / "poses_bounds.npy").write_bytes(content)
    assert "expected an array" in refusal(folder)


def test_a_pickle_is_not_executed(tmp_path):
    folder = write_llff(tmp_path, ball_views(10, 24))
    np.save(folder / "poses_bounds.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "expected an array" in refusal(folder)


def test_the_fern_is_in_front_of_its_cameras(data):
    dataset = open_dataset(data / "fern")
    assert (len(dataset.train), len(dataset.test)) == (17, 3)
    camera = dataset.train.cameras
    assert (camera.width, camera.height) == (504, 378)
    assert float(camera.K[0, 0, 0]) == pytest.approx(3260.52633 / 8, rel=1e-5)
    centre = torch.tensor(dataset.box).view(2, 3).mean(0)
    forward = -camera.c2w[:, :3, 2].mean(0)
    depth = float((centre - camera.c2w[:, :3, 3].mean(0)) @ forward)
    assert 17.0 < depth < 80.0, "between the depths that the file names"
    assert dataset.near_plane == pytest.approx(0.9 * 16.985, rel=0.05)
    assert torch.tensor(dataset.up) @ camera.c2w[:, :3, 1].mean(0) > 0.9
