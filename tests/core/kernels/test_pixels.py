"""Pixels of posed images, against twins that take one pixel at a time."""

import pytest
import torch

from core.kernels.launch import using_threads
from core.kernels.pixels import look_up, pinhole_rays
from tests.core.kernels import twins

AXES, CENTER = (1.0, -1.0, -1.0), 0.5


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def poses(n, seed=0):
    """c2w and K of n cameras, turned and sheared anyhow."""
    c2w, K = torch.eye(4).repeat(n, 1, 1), torch.eye(3).repeat(n, 1, 1)
    c2w[:, :3] = torch.randn(n, 3, 4, generator=generator(seed))
    K[:, [0, 1, 0, 1], [0, 1, 2, 2]] += 5.0 * torch.rand(n, 4, generator=generator(seed + 1))
    return c2w, K


def drawn(sizes, n, seed=0):
    """Views (n,) and their pixels (n,), of images of these sizes (width, height)."""
    views = torch.randint(len(sizes), (n,), generator=generator(seed))
    return views, (torch.rand(n, generator=generator(seed + 1)) * sizes.prod(1)[views]).long()


@pytest.mark.parametrize("n_channels", [3, 4])
def test_pixels_are_those_of_their_images(n_channels):
    sizes = torch.tensor([[7, 5], [4, 9], [1, 1]])
    areas = sizes.prod(1)
    images = torch.randint(256, (int(areas.sum()), n_channels), generator=generator(), dtype=torch.uint8)
    views, pixels = drawn(sizes, 500)
    rgbs, alphas = look_up(images, areas.cumsum(0) - areas, views, pixels)
    expected = twins.look_up(images.split(areas.tolist()), views, pixels)
    assert torch.equal(rgbs, expected[:, :3]) and torch.equal(alphas, expected[:, 3:])


def test_every_byte_is_its_share_of_255():
    images = torch.arange(256, dtype=torch.uint8)[:, None].repeat(1, 4)
    rgbs, alphas = look_up(images, torch.tensor([0]), torch.zeros(256, dtype=torch.int64), torch.arange(256))
    expected = torch.arange(256)[:, None] / 255.0
    assert torch.equal(rgbs, expected.expand(256, 3)) and torch.equal(alphas, expected)


def test_more_bytes_than_32_bits_count():
    n = 2**31 // 3 + 10
    images = torch.empty(n, 3, dtype=torch.uint8)  # what nobody touches takes no memory
    images[-10:] = torch.randint(256, (10, 3), generator=generator(), dtype=torch.uint8)
    firsts, views = torch.tensor([0, n - 10]), torch.tensor([0, 1, 1])
    rgbs, _ = look_up(images, firsts, views, torch.tensor([n - 1, 0, 9]))
    assert torch.equal(rgbs, images[[-1, -10, -1]] / 255.0)


def test_rays_of_one_camera():
    (c2w, K), pixels = poses(1), torch.arange(35)
    rays_o, rays_d = pinhole_rays(c2w, K, 7, AXES, CENTER, pixels)
    expected = twins.pinhole_rays(c2w, K, [(7, 5)], AXES, CENTER, torch.zeros_like(pixels), pixels)
    assert torch.equal(rays_o, expected[:, :3])
    torch.testing.assert_close(rays_d, expected[:, 3:])


@pytest.mark.parametrize("alike", [True, False])
def test_rays_of_a_batch_are_each_of_its_own_camera(alike):
    c2w, K = poses(3)
    sizes = torch.tensor([[7, 5], [7, 5] if alike else [4, 9], [7, 5] if alike else [1, 30]])
    views, pixels = drawn(sizes, 500)
    rays_o, rays_d = pinhole_rays(c2w, K, 7 if alike else sizes, AXES, CENTER, pixels, views)
    expected = twins.pinhole_rays(c2w, K, sizes.tolist(), AXES, CENTER, views, pixels)
    assert torch.equal(rays_o, expected[:, :3])
    torch.testing.assert_close(rays_d, expected[:, 3:])


def test_what_lies_scattered_in_memory_is_read_as_well():
    (c2w, K), sizes = poses(3), torch.tensor([[7, 5]] * 3)
    views, pixels = drawn(sizes, 50)
    images = torch.randint(256, (3 * 35, 4), generator=generator(), dtype=torch.uint8)
    places = torch.stack([views, pixels], dim=1)  # each the other column of one table
    turned = c2w.mT.contiguous().mT, K.mT.contiguous().mT
    expected = pinhole_rays(c2w, K, 7, AXES, CENTER, pixels, views)
    found = pinhole_rays(*turned, 7, AXES, CENTER, places[:, 1], places[:, 0])
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)
    firsts = torch.tensor([0, 35, 70])
    found, expected = (look_up(images, firsts, *x) for x in (places.unbind(1), (views, pixels)))
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)


def test_slices_give_what_one_launch_gives():
    (c2w, K), sizes = poses(3), torch.tensor([[200, 200]] * 3)
    views, pixels = drawn(sizes, 30_000)
    images = torch.randint(256, (3 * 40_000, 3), generator=generator(), dtype=torch.uint8)
    results = []
    for n in (1, 3):
        with using_threads(n):
            colors = look_up(images, torch.arange(3) * 40_000, views, pixels)
            results.append([*colors, *pinhole_rays(c2w, K, 200, AXES, CENTER, pixels, views)])
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_no_pixels():
    (c2w, K), none = poses(2), torch.empty(0, dtype=torch.int64)
    images = torch.zeros(70, 3, dtype=torch.uint8)
    assert [tuple(x.shape) for x in look_up(images, torch.tensor([0, 35]), none, none)] == [(0, 3), (0, 1)]
    assert [tuple(x.shape) for x in pinhole_rays(c2w, K, 7, AXES, CENTER, none, none)] == [(0, 3), (0, 3)]
