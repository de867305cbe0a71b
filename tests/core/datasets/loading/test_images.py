import numpy as np
import pytest
from PIL import Image

from core.datasets.loading import images
from core.datasets.loading.image_file import read_header
from core.datasets.loading.images import read_headers, read_images
from core.errors import DatasetError
from tests.photos import saved


def test_images_without_alpha_are_opaque_next_to_those_with_alpha(tmp_path):
    paths = [
        saved(tmp_path, Image.new("RGB", (4, 3), (9, 9, 9)), "a.png"),
        saved(tmp_path, Image.new("RGBA", (4, 3)), "b.png"),
    ]
    headers = list(read_headers(paths, tmp_path / "list.json").values())
    pixels = read_images(paths, headers, True, 1, lambda: None)
    assert tuple(pixels.shape) == (2, 3, 4, 4)
    assert pixels[0, 0, 0].tolist() == [9, 9, 9, 255]
    assert pixels[1, 0, 0].tolist() == [0, 0, 0, 0]


def test_images_keep_their_order_and_are_counted(tmp_path):
    paths = [saved(tmp_path, Image.new("RGB", (4, 4), (i, i, i)), f"{i}.png") for i in range(20)]
    counted = []
    pixels = read_images(paths, [read_header(path) for path in paths], False, 2, lambda: counted.append(1))
    assert pixels[:, 0, 0, 0].tolist() == list(range(20))
    assert len(counted) == 20


def test_images_of_several_sizes_are_stored_one_after_the_other(tmp_path):
    pictures = [np.random.default_rng(i).integers(0, 256, (3 + i, 7 - i, 3), dtype=np.uint8) for i in range(3)]
    paths = [saved(tmp_path, Image.fromarray(picture), f"{i}.png") for i, picture in enumerate(pictures)]
    pixels = read_images(paths, [read_header(path) for path in paths], False, 1, lambda: None)
    np.testing.assert_array_equal(pixels, np.concatenate([picture.reshape(-1, 3) for picture in pictures]))


def test_an_image_that_changed_since_its_header_was_read_is_named(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (4, 4)))
    header = read_header(path)
    saved(tmp_path, Image.new("RGB", (5, 4)))
    with pytest.raises(DatasetError, match=r"picture.png can't be read"):
        read_images([path], [header], False, 1, lambda: None)


def test_a_failed_allocation_is_reported_in_one_line(tmp_path, monkeypatch):
    def refuse(*_):
        raise MemoryError

    path = saved(tmp_path, Image.new("RGB", (4, 4)))
    header = read_header(path)
    monkeypatch.setattr(images.np, "empty", refuse)
    with pytest.raises(DatasetError, match="which the system refused: --downscale 2"):
        read_images([path], [header], False, 1, lambda: None)
