"""The official Blender scene, with its known values."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.datasets.bounds.hull import occupied_cells, point_looked_at
from core.datasets.dataset import Dataset

OBJECT = torch.tensor([[-0.65, -1.14, -0.60], [0.63, 1.14, 1.00]])
"""The bounds of the bricks."""


@pytest.fixture(scope="module")
def full(lego) -> Dataset:
    return open_dataset(lego)


@pytest.fixture(scope="module")
def quarter(lego) -> Dataset:
    return open_dataset(lego, ReadOptions(4))


def test_views_and_sizes(full, quarter):
    assert (full.name, full.format, full.notes) == ("lego", "Blender", ())
    assert tuple(full.train.images.shape) == (100, 800, 800, 4)
    assert tuple(full.test.images.shape) == (40, 800, 800, 4)
    assert full.train.images.dtype == torch.uint8
    assert tuple(quarter.train.images.shape) == (100, 200, 200, 4)
    assert (full.train.names[0], full.test.names[-1]) == ("./train/r_0", "./test/r_195")


def test_the_focal_length_is_1111_11_pixels(full, quarter):
    for views in (full.train, full.test):
        torch.testing.assert_close(views.cameras.K[:, [0, 1], [0, 1]], torch.full((len(views), 2), 1111.1111))
    assert quarter.train.cameras.K[7].tolist() == [
        [pytest.approx(277.7778), 0.0, 100.0],
        [0.0, pytest.approx(277.7778), 100.0],
        [0.0, 0.0, 1.0],
    ]


def test_cameras_are_4_0311_from_the_origin_and_look_at_it(full):
    cameras = full.train.cameras
    distances = torch.linalg.vector_norm(cameras.c2w[:, :3, 3], dim=-1)
    torch.testing.assert_close(distances, torch.full((100,), 4.0311), atol=1e-4, rtol=0.0)
    assert torch.linalg.vector_norm(point_looked_at(cameras)) < 1e-3
    assert (cameras.c2w[:, 2, 3] > 0.0).all()


def test_pixels_equal_the_files(full, lego):
    with Image.open(lego / "test" / "r_100.png") as image:
        pixels = np.asarray(image)
    np.testing.assert_array_equal(full.test.images[full.test.names.index("./test/r_100")], pixels)


def test_reduced_views_agree_with_the_full_ones_over_any_background(full, quarter):
    background = torch.tensor([0.9, 0.2, 0.6])
    for index in (0, 57):
        blocks = full.train.photo(index, background).view(200, 4, 200, 4, 3).mean((1, 3))
        torch.testing.assert_close(quarter.train.photo(index, background), blocks, atol=1.1 / 255, rtol=0.0)


@pytest.mark.parametrize("scene", ["full", "quarter"])
def test_the_box_contains_the_bricks_and_is_at_most_15_percent_larger(scene, request):
    low, high = torch.tensor(request.getfixturevalue(scene).box).view(2, 3)
    assert (low <= OBJECT[0]).all()
    assert (high >= OBJECT[1]).all()
    assert ((high - low) / (OBJECT[1] - OBJECT[0]) <= 1.15).all()


def test_the_cells_left_of_the_box_cover_the_silhouettes_of_test_views(quarter):
    """The bricks are in the cells that the training views leave, so a test view sees nothing outside them."""
    low, high = torch.tensor(quarter.box).view(2, 3)
    occupied = occupied_cells(quarter.train, quarter.box, 48, max_views=100)
    assert 0.05 < occupied.float().mean() < 0.4
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3)
    points = low + (occupied.nonzero()[:, None] + corners).reshape(-1, 3) * (high - low) / 48
    for index in (0, 13, 39):
        camera = quarter.test.cameras[index]
        x, y, z = ((points - camera.c2w[:3, 3]) @ camera.c2w[:3, :3]).unbind(-1)
        columns = (camera.K[0, 0] * x / -z + 100.0).long().clamp(0, 199) // 4
        rows = (camera.K[1, 1] * -y / -z + 100.0).long().clamp(0, 199) // 4
        covered = torch.zeros(50, 50, dtype=torch.bool)
        covered[rows, columns] = True
        silhouette = (quarter.test.images[index, ..., 3] > 0).view(50, 4, 50, 4).any(3).any(1)
        assert not (silhouette & ~covered).any()
        assert not covered.all()
