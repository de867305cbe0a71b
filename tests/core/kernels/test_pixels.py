"""Pixels of posed images, against twins that handle one pixel at a time."""

import pytest
import torch

from core.kernels.pixels import lay_over, look_up
from core.kernels.runtime.launch import using_threads
from tests.core.kernels import twins


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(sizes, n, seed=0):
    """Random views (n,) and pixels (n,) of images with these sizes (width, height)."""
    views = torch.randint(len(sizes), (n,), generator=generator(seed))
    return views, (torch.rand(n, generator=generator(seed + 1)) * sizes.prod(1)[views]).long()


@pytest.mark.parametrize("n_channels", [3, 4])
def test_pixels_equal_those_of_their_images(n_channels):
    sizes = torch.tensor([[7, 5], [4, 9], [1, 1]])
    areas = sizes.prod(1)
    images = torch.randint(256, (int(areas.sum()), n_channels), generator=generator(), dtype=torch.uint8)
    views, pixels = drawn(sizes, 500)
    rgbs, alphas = look_up(images, (areas.cumsum(0) - areas)[views] + pixels)
    expected = twins.look_up(images.split(areas.tolist()), views, pixels)
    assert torch.equal(rgbs, expected[:, :3]) and torch.equal(alphas, expected[:, 3:])


def test_every_byte_is_divided_by_255():
    images = torch.arange(256, dtype=torch.uint8)[:, None].repeat(1, 4)
    rgbs, alphas = look_up(images, torch.arange(256))
    expected = torch.arange(256)[:, None] / 255.0
    assert torch.equal(rgbs, expected.expand(256, 3)) and torch.equal(alphas, expected)


def test_byte_offsets_may_exceed_32_bits():
    n = 2**31 // 3 + 10
    images = torch.empty(n, 3, dtype=torch.uint8)  # untouched pages take no memory
    images[-10:] = torch.randint(256, (10, 3), generator=generator(), dtype=torch.uint8)
    rgbs, _ = look_up(images, torch.tensor([n - 1, n - 10, n - 3]))
    assert torch.equal(rgbs, images[[-1, -10, -3]] / 255.0)


@pytest.mark.parametrize("shape", [(3,), (700, 3)])
def test_colours_are_composited_over_a_background_by_their_alphas(shape):
    rgbs, alphas, background = (torch.rand(*x, generator=generator(len(x))) for x in ((700, 3), (700, 1), shape))
    alphas[:20], alphas[20:40] = 0.0, 1.0
    pixels = zip(rgbs, alphas, background.expand(700, 3), strict=True)
    expected = torch.stack([rgb * alpha + behind * (1.0 - alpha) for rgb, alpha, behind in pixels])
    torch.testing.assert_close(lay_over(rgbs, alphas, background), expected)
    torch.testing.assert_close(lay_over(rgbs.T.contiguous().T, alphas.double(), background.double()), expected)
    with pytest.raises(ValueError, match="one for each pixel"):
        lay_over(rgbs, alphas, torch.rand(699, 3))


def test_non_contiguous_indices_are_accepted():
    images = torch.randint(256, (105, 4), generator=generator(), dtype=torch.uint8)
    places = torch.randint(105, (50, 2), generator=generator())
    found, expected = (look_up(images, x) for x in (places[:, 1], places[:, 1].contiguous()))
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)


def test_slices_give_the_same_as_one_launch():
    images = torch.randint(256, (3 * 40_000, 3), generator=generator(), dtype=torch.uint8)
    places, results = torch.randint(3 * 40_000, (30_000,), generator=generator()), []
    for n in (1, 3):
        with using_threads(n):
            colors = look_up(images, places)
            results.append([*colors, lay_over(*colors, colors[0].flip(0))])
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_no_pixels():
    images, none = torch.zeros(70, 3, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)
    assert [tuple(x.shape) for x in look_up(images, none)] == [(0, 3), (0, 1)]
    assert lay_over(torch.empty(0, 3), torch.empty(0, 1), torch.ones(3)).shape == (0, 3)
