"""The rule for all formats: the same views give the same rays, whatever the format."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.datasets.dataset import Dataset, Views
from core.geometry.cameras import Camera, image_points
from core.geometry.lenses import Lens
from core.kernels.camera_rays import generate_rays
from tests.ball import ball_views, mixed_ball_views
from tests.photos import LENS, store_sideways, write_colmap, write_llff, write_nerfstudio

WRITERS = {
    "instant-ngp / nerfstudio": write_nerfstudio,
    "LLFF": write_llff,
    "COLMAP": write_colmap,
}


def expected_rays(views: Views, dataset: Dataset) -> list[tuple[Camera, Camera]]:
    """Pairs of written and read cameras: every 8th is held out."""
    kept = [index for index in range(len(views)) if index % 8]
    held_out = list(range(0, len(views), 8))
    pairs = [(views.cameras[i], dataset.train.cameras[n]) for n, i in enumerate(kept)]
    return pairs + [(views.cameras[i], dataset.test.cameras[n]) for n, i in enumerate(held_out)]


@pytest.mark.parametrize("name", WRITERS)
def test_rays_and_images_equal_those_written(tmp_path, name):
    views = ball_views(10, 24)
    dataset = open_dataset(WRITERS[name](tmp_path / "ball", views))
    assert dataset.format == name
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
    for written, read in expected_rays(views, dataset):
        for found, expected in zip(generate_rays(read), generate_rays(written), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0.0)
    opaque = views.images[0, ..., :3] * (views.images[0, ..., 3:] > 0)
    assert torch.equal(dataset.test.images[0], opaque)
    assert not dataset.train.has_alpha


@pytest.mark.parametrize("name", WRITERS)
def test_images_stored_sideways_give_the_same(tmp_path, name):
    """The poses are for upright images, and a tag says how each one is stored."""
    views = mixed_ball_views(10, sizes=((32, 20),))
    plain = open_dataset(WRITERS[name](tmp_path / "ball", views))
    for path in (tmp_path / "ball" / "images").iterdir():
        store_sideways(path)
    turned = open_dataset(tmp_path / "ball")
    assert turned.train.images.equal(plain.train.images) and turned.test.images.equal(plain.test.images)
    assert turned.train.cameras.K.equal(plain.train.cameras.K)


def test_legos_rays_are_the_same_through_three_formats(tmp_path, lego):
    blender = open_dataset(lego, ReadOptions(8))
    views = blender.train.take(torch.arange(12))
    for name in ("instant-ngp / nerfstudio", "COLMAP"):
        dataset = open_dataset(WRITERS[name](tmp_path / name[:6], views))
        for written, read in expected_rays(views, dataset):
            for found, expected in zip(generate_rays(read), generate_rays(written), strict=True):
                torch.testing.assert_close(found, expected, atol=1e-4, rtol=0.0)


def test_opencv_axes_give_the_same_rays_if_requested(tmp_path):
    views = ball_views(10, 24)
    opencv = replace(views.cameras, c2w=views.cameras.c2w * torch.tensor([1.0, -1.0, -1.0, 1.0]))
    folder = write_nerfstudio(tmp_path, replace(views, cameras=opencv))
    dataset = open_dataset(folder, ReadOptions(axes="opencv"))
    for written, read in expected_rays(views, dataset):
        for found, expected in zip(generate_rays(read), generate_rays(written), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0.0)
    assert not torch.allclose(open_dataset(folder).train.cameras.c2w, dataset.train.cameras.c2w)


@pytest.mark.parametrize("name", ["COLMAP", "LLFF"])
def test_fixed_axes_of_a_format_are_kept_and_a_note_says_so(tmp_path, name):
    folder = WRITERS[name](tmp_path, ball_views(10, 24))
    plain, opencv = open_dataset(folder), open_dataset(folder, ReadOptions(axes="opencv"))
    assert torch.equal(opencv.train.cameras.c2w, plain.train.cameras.c2w)
    of = "Blender, instant-ngp / nerfstudio, tiny NeRF"
    note = f"--axes opencv changes nothing: it is for poses of {of}, not of {name}."
    assert opencv.notes == (*plain.notes, note)


@pytest.mark.parametrize("name", ["instant-ngp / nerfstudio", "COLMAP"])
def test_a_lens_is_read(tmp_path, name):
    views = ball_views(4, 24)
    K, k = views.cameras.K[0], LENS
    if name == "COLMAP":
        params = [float(x) for x in (K[0, 0], K[1, 1], K[0, 2], K[1, 2])] + list(k.values())
        folder = write_colmap(tmp_path / "ball", views, "OPENCV", params)
    else:
        folder = write_nerfstudio(tmp_path / "ball", views, camera_model="OPENCV", **LENS)
    lens = Lens(torch.tensor([k["k1"], k["k2"], 0.0, 0.0, 0.0, 0.0, k["p1"], k["p2"]]))
    written = Camera(views.cameras.c2w[1], K, 24, 24, lens)
    read = open_dataset(folder).train.cameras[0]
    torch.testing.assert_close(generate_rays(read).rays_d, generate_rays(written).rays_d, atol=1e-5, rtol=0.0)
    straight = Camera(views.cameras.c2w[1], K, 24, 24)
    assert not torch.allclose(generate_rays(read).rays_d, generate_rays(straight).rays_d, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "extra"), [("SIMPLE_PINHOLE", []), ("SIMPLE_RADIAL", [0.02]), ("RADIAL", [0.02, 0.01])]
)
def test_colmaps_simple_models_have_one_focal_length(tmp_path, model, extra):
    views = ball_views(4, 24)
    K = views.cameras.K[0]
    dataset = open_dataset(write_colmap(tmp_path, views, model, [float(K[0, 0]), 12.0, 12.0, *extra]))
    torch.testing.assert_close(dataset.train.cameras.K[0], K)
    assert (dataset.train.cameras.lens is not None) == bool(extra)


@pytest.mark.parametrize("model", ["OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE"])
def test_a_fisheye_lens_is_read(tmp_path, model):
    views = ball_views(4, 24)
    f = float(views.cameras.K[0, 0, 0])
    params = [f, f, 12.0, 12.0, 0.1, 0.0, 0.0, 0.0] if model == "OPENCV_FISHEYE" else [f, 12.0, 12.0, 0.1]
    read = open_dataset(write_colmap(tmp_path, views, model, params)).train.cameras[0]
    assert read.lens.fisheye
    angle = torch.linspace(0.0, 0.3, 4)
    radius = f * (angle + 0.1 * angle**3)  # Kannala and Brandt's first term
    directions = torch.stack([angle.sin(), torch.zeros(4), -angle.cos()], dim=-1) @ read.c2w[:3, :3].T
    torch.testing.assert_close(image_points(read, directions)[0], 12.0 + radius, atol=1e-3, rtol=0.0)


def test_a_binary_model_equals_the_text_model(tmp_path):
    views = ball_views(5, 24)
    text = open_dataset(write_colmap(tmp_path / "text", views))
    binary = open_dataset(write_colmap(tmp_path / "binary", views, binary=True))
    assert torch.equal(text.train.cameras.c2w, binary.train.cameras.c2w)
    assert np.allclose(text.box, binary.box)
