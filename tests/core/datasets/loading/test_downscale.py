import numpy as np
import pytest

from core.datasets.loading.downscale import box_filter, whole_blocks


def random_pixels(seed: int, height=13, width=17, channels=4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def reduced_slowly(pixels: np.ndarray, factor: int) -> np.ndarray:
    """The box filter, pixel by pixel in floating point."""
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    result = np.zeros((height, width, pixels.shape[2]))
    for row in range(height):
        for column in range(width):
            block = pixels[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor].astype(float)
            if pixels.shape[2] == 3:
                result[row, column] = block.mean((0, 1))
                continue
            alpha = block[..., 3:]
            total = alpha.sum()
            result[row, column, :3] = (block[..., :3] * alpha).sum((0, 1)) / total if total else 0.0
            result[row, column, 3] = alpha.mean()
    return result


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("factor", [1, 2, 3, 5, 13])
def test_the_box_filter_is_the_mean_of_premultiplied_colour(channels, factor):
    pixels = random_pixels(factor, channels=channels)
    reduced = box_filter(pixels, factor)
    assert reduced.dtype == np.uint8
    np.testing.assert_allclose(reduced, reduced_slowly(pixels, factor), atol=0.5 + 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_reducing_and_compositing_commute(seed):
    """Over any background, the reduced image is the mean of the full one; a mean without premultiplying would bleed."""
    rng = np.random.default_rng(seed)
    pixels = random_pixels(seed, 12, 12)
    pixels[..., 3] *= rng.integers(0, 2, (12, 12), dtype=np.uint8)
    background = rng.uniform(0, 255, 3)

    def over(picture):
        alpha = picture[..., 3:] / 255.0
        return picture[..., :3] * alpha + background * (1.0 - alpha)

    blocks = over(pixels).reshape(4, 3, 4, 3, 3).mean((1, 3))
    np.testing.assert_allclose(over(box_filter(pixels, 3)), blocks, atol=1.1)


def test_colours_behind_transparent_pixels_do_not_bleed():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[...] = (255, 0, 0, 0)
    pixels[0, 0] = (0, 0, 255, 255)
    assert box_filter(pixels, 2)[0, 0].tolist() == [0, 0, 255, 64]


@pytest.mark.parametrize("factor", [2, 7])
def test_a_flat_image_stays_flat(factor):
    pixels = np.full((14, 14, 4), (10, 77, 255, 200), np.uint8)
    assert (box_filter(pixels, factor) == (10, 77, 255, 200)).all()


@pytest.mark.parametrize("factor", [2, 16, 40])
def test_sums_do_not_overflow(factor):
    for channels in (3, 4):
        white = np.full((factor, factor, channels), 255, np.uint8)
        assert (box_filter(white, factor) == 255).all()


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_a_reduced_mask_pixel_represents_a_whole_block(factor):
    mask = np.random.default_rng(factor).random((15, 22)) < 0.98
    reduced = whole_blocks(mask, factor)
    assert reduced.shape == (15 // factor, 22 // factor)
    for row, column in np.ndindex(reduced.shape):
        block = mask[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        assert reduced[row, column] == block.all()
    assert factor == 1 or 0.0 < reduced.mean() < mask.mean()
