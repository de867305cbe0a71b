"""Rays through pixels of cameras, against twins that handle one pixel at a time."""

import math

import pytest
import torch

from core.geometry.cameras import Camera, rays_through
from core.geometry.lenses import Lens, bend, straighten
from core.kernels.camera_rays import camera_rays
from core.kernels.runtime.launch import using_threads
from tests.core.kernels import twins
from tests.core.kernels.test_pixels import drawn, generator

AXES, CENTER = (1.0, -1.0, -1.0), 0.5

LENSES = ["none", "perspective", "fisheye"]


def poses(n, seed=0):
    """c2w and K of n cameras, randomly rotated and sheared."""
    c2w, K = torch.eye(4).repeat(n, 1, 1), torch.eye(3).repeat(n, 1, 1)
    c2w[:, :3] = torch.randn(n, 3, 4, generator=generator(seed))
    K[:, [0, 1, 0, 1], [0, 1, 2, 2]] += 5.0 * torch.rand(n, 4, generator=generator(seed + 1))
    return c2w, K


def lenses(kind, n, seed=2):
    """n different lenses."""
    if kind == "none":
        return None
    coefficients = 0.02 * torch.rand(n, 8, generator=generator(seed))
    if kind == "fisheye":
        coefficients[:, 4:] = 0.0
    return Lens(coefficients, kind == "fisheye")


@pytest.mark.parametrize("kind", LENSES)
def test_rays_of_one_camera(kind):
    (c2w, K), lens, pixels = poses(1), lenses(kind, 1), torch.arange(35)
    rays_o, rays_d = camera_rays(c2w, K, lens, (7, 5), pixels)
    expected = twins.camera_rays(c2w, K, lens, [(7, 5)], AXES, CENTER, torch.zeros_like(pixels), pixels)
    assert torch.equal(rays_o, expected[:, :3])
    torch.testing.assert_close(rays_d, expected[:, 3:])


@pytest.mark.parametrize("kind", LENSES)
@pytest.mark.parametrize("alike", [True, False])
def test_each_ray_of_a_batch_comes_from_its_own_camera(alike, kind):
    (c2w, K), lens = poses(3), lenses(kind, 3)
    sizes = torch.tensor([[7, 5], [7, 5] if alike else [4, 9], [7, 5] if alike else [1, 30]])
    views, pixels = drawn(sizes, 500)
    rays_o, rays_d = camera_rays(c2w, K, lens, (7, 5) if alike else sizes, pixels, views)
    expected = twins.camera_rays(c2w, K, lens, sizes.tolist(), AXES, CENTER, views, pixels)
    assert torch.equal(rays_o, expected[:, :3])
    torch.testing.assert_close(rays_d, expected[:, 3:])


@pytest.mark.parametrize("kind", LENSES)
def test_without_views_pixels_are_numbered_through_all_images(kind):
    (c2w, K), lens, places = poses(4), lenses(kind, 4), torch.arange(4 * 35)
    expected = camera_rays(c2w, K, lens, (7, 5), places % 35, places // 35)
    found = camera_rays(c2w, K, lens, (7, 5), places)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)


def test_pixel_numbers_beyond_32_bits_find_their_views():
    n, width, height = 3000, 2000, 1500
    c2w, K = (x.expand(n, -1, -1).clone() for x in (torch.eye(4), torch.eye(3)))
    c2w[:, 0, 3] = torch.arange(n)
    places = torch.tensor([n - 1, n - 2, 0]) * (width * height) + torch.tensor([0, width * height - 1, width + 1])
    rays_o, rays_d = camera_rays(c2w, K, None, (width, height), places)
    assert rays_o[:, 0].tolist() == [n - 1, n - 2, 0]
    torch.testing.assert_close(-rays_d[:, 0] / rays_d[:, 2], torch.tensor([0.5, width - 0.5, 1.5]))
    torch.testing.assert_close(rays_d[:, 1] / rays_d[:, 2], torch.tensor([0.5, height - 0.5, 1.5]))


@pytest.mark.parametrize("fisheye", [False, True])
@pytest.mark.parametrize("strength", [0.02, 3.0, 1e10, torch.nan, torch.inf])
def test_rays_equal_torchs_even_where_a_lens_cannot_be_inverted(strength, fisheye):
    n = 20
    (c2w, K), coefficients = poses(n), strength * torch.randn(n, 8, generator=generator())
    coefficients[:, 4 if fisheye else 8 :] = 0.0
    K[: n // 2, [0, 1], [0, 1]] *= 20.0  # else some rays are nearly parallel to the image plane
    camera = Camera(c2w, K, 100, 80, Lens(coefficients, fisheye))
    views, pixels = drawn(torch.tensor([[100, 80]] * n), 10_000)
    xs, ys = pixels % 100 + 0.5, pixels // 100 + 0.5
    _, rays_d = camera_rays(c2w, K, camera.lens, (100, 80), pixels, views)
    expected = rays_through(camera[views], xs, ys).rays_d
    torch.testing.assert_close(rays_d, expected, atol=2e-6, rtol=0.0, equal_nan=True)
    points = torch.stack([(xs - K[views, 0, 2]) / K[views, 0, 0], (ys - K[views, 1, 2]) / K[views, 1, 1]], dim=1)
    lens = camera.lens[views]
    converged = ((bend(lens, straighten(lens, points)) - points).abs() < 1e-3).all(1)
    assert not converged.all()
    assert rays_d.isnan().any() or math.isfinite(strength)


@pytest.mark.parametrize("kind", LENSES)
def test_a_ray_does_not_depend_on_the_other_rays_of_its_batch(kind):
    (c2w, K), lens = poses(3), lenses(kind, 3)
    views, pixels = drawn(torch.tensor([[7, 5]] * 3), 50)
    _, together = camera_rays(c2w, K, lens, (7, 5), pixels, views)
    for i, view in enumerate(views.tolist()):
        one = slice(view, view + 1)
        _, alone = camera_rays(c2w[one], K[one], lens and lens[one], (7, 5), pixels[i : i + 1])
        assert torch.equal(together[i : i + 1], alone)


def test_non_contiguous_inputs_are_accepted():
    (c2w, K), lens, sizes = poses(3), lenses("perspective", 3), torch.tensor([[7, 5]] * 3)
    views, pixels = drawn(sizes, 50)
    places = torch.stack([views, pixels], dim=1)  # columns of one table
    turned = c2w.mT.contiguous().mT, K.mT.contiguous().mT, Lens(lens.coefficients.mT.contiguous().mT)
    expected = camera_rays(c2w, K, lens, (7, 5), pixels, views)
    found = camera_rays(*turned, (7, 5), places[:, 1], places[:, 0])
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("kind", LENSES)
def test_slices_give_the_same_as_one_launch(kind):
    (c2w, K), lens, sizes = poses(3), lenses(kind, 3), torch.tensor([[200, 200]] * 3)
    views, pixels = drawn(sizes, 30_000)
    results = []
    for n in (1, 3):
        with using_threads(n):
            results.append(camera_rays(c2w, K, lens, (200, 200), pixels, views))
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_no_pixels():
    (c2w, K), none = poses(2), torch.empty(0, dtype=torch.int64)
    assert [tuple(x.shape) for x in camera_rays(c2w, K, None, (7, 5), none)] == [(0, 3), (0, 3)]
