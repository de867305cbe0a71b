"""The .npz of the tiny NeRF notebook: one file is a dataset, and an invalid one is refused in one line."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.errors import DatasetError
from core.kernels.camera_rays import generate_rays
from tests.ball import ball_views
from tests.photos import tiny_nerf_arrays, write_tiny_nerf

VIEWS = ball_views(10, 24)


def refusal(path, **arrays) -> str:
    """The error message for a file with other arrays (None removes one): one line that names the file."""
    contents = {name: array for name, array in (tiny_nerf_arrays(VIEWS) | arrays).items() if array is not None}
    np.savez(path, **contents)
    return refusal_of(path)


def refusal_of(path) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scene.npz"


def test_images_and_rays_equal_those_written(path):
    dataset = open_dataset(write_tiny_nerf(path, VIEWS))
    assert (dataset.format, dataset.name, dataset.path) == ("tiny NeRF", "scene", path)
    assert (len(dataset.train), dataset.test.names) == (8, ("000", "008"))
    assert torch.equal(dataset.test.images, VIEWS.images[::8, ..., :3])
    for view, index in ((0, 1), (7, 9)):
        found, expected = generate_rays(dataset.train.cameras[view]), generate_rays(VIEWS.cameras[index])
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.float32, np.float64])
def test_bytes_and_floats_give_the_same_images(path, kind):
    images = VIEWS.images.numpy()
    written = images if kind is np.uint8 else (images / 255.0).astype(kind)
    np.savez_compressed(path, **tiny_nerf_arrays(VIEWS) | {"images": written})
    read = open_dataset(path).train.images
    assert read.shape == (8, 24, 24, 4)
    kept = [index for index in range(10) if index % 8]
    assert (read.int() - VIEWS.images[kept].int()).abs().max() <= (1 if kind is np.float16 else 0)


def test_poses_of_three_rows_and_a_focal_length_in_a_list(path):
    arrays = tiny_nerf_arrays(VIEWS)
    np.savez(path, **arrays | {"poses": arrays["poses"][:, :3], "focal": np.array([arrays["focal"]])})
    dataset = open_dataset(path)
    torch.testing.assert_close(dataset.test.cameras.c2w, VIEWS.cameras.c2w[::8])
    torch.testing.assert_close(dataset.test.cameras.K, VIEWS.cameras.K[::8])


def test_it_is_reduced_like_any_image(path):
    dataset = open_dataset(write_tiny_nerf(path, VIEWS), ReadOptions(5))
    assert dataset.train.images.shape == (8, 4, 4, 3)
    assert any("can't be divided by 5" in note for note in dataset.notes)
    block = VIEWS.images[0, :5, :5, :3].float().mean((0, 1)).round()
    torch.testing.assert_close(dataset.test.images[0, 0, 0].float(), block, atol=1.0, rtol=0.0)
    with pytest.raises(DatasetError, match="downscale 25 is larger than the images of 24x24"):
        open_dataset(path, ReadOptions(25))


def test_opencv_axes_can_be_requested(path):
    arrays = tiny_nerf_arrays(VIEWS)
    np.savez(path, **arrays | {"poses": arrays["poses"] * np.array([1.0, -1.0, -1.0, 1.0])})
    dataset = open_dataset(path, ReadOptions(axes="opencv"))
    torch.testing.assert_close(dataset.test.cameras.c2w, VIEWS.cameras.c2w[::8])


IMAGES = np.zeros((10, 24, 24, 3), np.float32)
POSES = VIEWS.cameras.c2w.numpy()


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"poses": None}, "found no poses"),
        ({"images": None, "focal": None}, "found no images and no focal"),
        ({"images": IMAGES[0]}, "found images (24, 24, 3)"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, "found images (10, 3, 24, 24)"),
        ({"images": IMAGES[:0]}, "found images (0, 24, 24, 3)"),
        ({"images": IMAGES + np.float32("nan")}, "found floats from nan to nan"),
        ({"images": IMAGES + 255.0}, "found floats from 255 to 255"),
        ({"images": IMAGES.astype(np.int64)}, "found int64"),
        ({"images": IMAGES.astype(str)}, "found <U"),
        ({"poses": POSES[:9]}, "found 10 images and poses (9, 4, 4)"),
        ({"poses": POSES[:, :, :3]}, "poses (10, 4, 3)"),
        ({"poses": POSES.astype(str)}, "poses (10, 4, 4) of <U"),
        ({"poses": POSES * np.nan}, "pose 0: expected a pose as 4 rows of 4 numbers, found one that is not finite"),
        ({"poses": POSES * 0.0 + np.eye(4)[3]}, "expected a pose"),
        ({"focal": np.zeros(2)}, "found (2,) of float64"),
        ({"focal": "30"}, "found () of <U"),
        ({"focal": 0.0}, "found 0 and 0"),
        ({"focal": -30.0}, "found -30 and -30"),
        ({"focal": np.nan}, "found nan and nan"),
        ({"images": np.array([{}], dtype=object)}, "a pickle"),
    ],
)
def test_arrays_of_another_layout_are_refused(path, arrays, found):
    assert found in refusal(path, **arrays)


def test_files_that_are_no_archive_are_refused(path):
    write_tiny_nerf(path, VIEWS)
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[:-100], whole[: len(whole) // 2], pickle.dumps({"images": 1})):
        path.write_bytes(content)
        assert "found another file" in refusal_of(path)
    with path.open("wb") as file:
        np.save(file, POSES)
    assert "found another file" in refusal_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "images")
    assert "found no images" in refusal_of(path)


def test_too_few_views_are_refused(path):
    arrays = tiny_nerf_arrays(VIEWS)
    np.savez(path, images=arrays["images"][:2], poses=arrays["poses"][:2], focal=arrays["focal"])
    assert "expected at least 2 training views besides those held out, found 1" in refusal_of(path)


def test_arrays_larger_than_memory_are_not_read(path, monkeypatch):
    monkeypatch.setattr("core.datasets.formats.tiny_nerf.free_memory", lambda: 1000)
    write_tiny_nerf(path, VIEWS)
    assert "GB of memory" in refusal_of(path)
