"""Reduces pictures and masks by whole factors."""

import numpy as np


def box_filter(image: np.ndarray, factor: int) -> np.ndarray:
    """Reduce a picture by a whole factor; every new pixel is the mean of factor x factor old ones.

    With alpha, premultiplied colours are averaged, so that colours of transparent pixels don't bleed in, and stored as
    straight colour. Rows and columns that don't fill a block are cut off at the bottom and right.

    Args:
        image: (height, width, 3 or 4) uint8.

    Returns:
        (height // factor, width // factor, 3 or 4) uint8, rounded.
    """
    if factor == 1:
        return image
    height, width, n_channels = image.shape[0] // factor, image.shape[1] // factor, image.shape[2]
    image = image[: height * factor, : width * factor]
    weighted = n_channels == 4
    largest = 255 * (255 if weighted else 1) * factor * factor
    kind = np.min_scalar_type(3 * largest)  # the narrowest type that is wide enough for rounding is by far the fastest
    columns = np.zeros((height, width * factor, n_channels), kind)
    for row in range(factor):  # row by row: the whole picture in a wider type would take several times its memory
        rows = image[row::factor].astype(kind)
        if weighted:
            for channel in range(3):  # one by one: numpy is slow where its innermost loop is this short
                rows[..., channel] *= rows[..., 3]
        columns += rows
    sums = np.einsum("hwfc->hwc", columns.reshape(height, width, factor, n_channels))
    area = np.asarray(factor * factor, kind)
    total = sums[..., 3:] if weighted else area
    reduced = _rounded_ratio(sums, np.maximum(total, 1))
    if weighted:
        reduced[..., 3:] = _rounded_ratio(total, area)
    return reduced.astype(np.uint8)


def _rounded_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return (2 * numerator + denominator) // (2 * denominator)


def whole_blocks(mask: np.ndarray, factor: int) -> np.ndarray:
    """Reduce a mask (height, width) bool by a whole factor: a new pixel is True where all factor x factor old ones are.

    Returns:
        (height // factor, width // factor) bool.
    """
    height, width = mask.shape[0] // factor, mask.shape[1] // factor
    blocks = mask[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return np.all(blocks, axis=(1, 3))
