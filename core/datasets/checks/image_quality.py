"""The quality of a dataset's pictures: sharpness, brightness, duplicates; and what seems wrong with them."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.datasets.checks.poses import Finding, Remedy, list_views
from core.datasets.dataset import Views, list_names
from core.datasets.loading.sharpness import sharpness

_BLURRED = 0.25
"""A picture with less than this share of the median sharpness counts as blurred."""

_JUMP = 0.35
"""A picture whose mean brightness differs from the median by more than this share was exposed differently."""

_BAND, _MOST_PIXELS = 16, 1 << 19
"""A picture with more pixels is measured on evenly spread bands of that many rows: blur affects all of it."""


class ImageQuality(NamedTuple):
    """Measurements of one picture.

    Attributes:
        sharpness: see `core.datasets.loading.sharpness.sharpness`; NaN if parts of the picture are transparent, since
            the background behind an object says nothing about focus, or if too few pixels count.
        brightness: the mean, 0 to 255.
        empty: whether it is wholly transparent.
        digest: equal for two pictures whose pixels are all equal.
    """

    sharpness: float
    brightness: float
    empty: bool
    digest: bytes


def measure_image(image: Tensor, mask: Tensor | None = None) -> ImageQuality:
    """Measure a picture (height, width, 3 or 4) uint8 where its mask (height, width) is True."""
    pixels = np.ascontiguousarray(image.cpu().numpy())
    used = None if mask is None else mask.cpu().numpy()
    digest = hashlib.blake2b(pixels.data, digest_size=16).digest()
    alpha = pixels[..., 3:] if used is None else pixels[used][:, 3:]
    if (alpha < 255).any():
        return ImageQuality(math.nan, math.nan, not alpha.any(), digest)
    bands, used = _bands(pixels), None if used is None else _bands(used[..., None])[..., 0]
    if used is not None and not used.any():  # the mask leaves nothing of the bands
        return ImageQuality(math.nan, math.nan, False, digest)
    grey = (bands[..., 0].astype(np.float32) + bands[..., 1] + bands[..., 2]) / np.float32(3.0)
    return ImageQuality(sharpness(grey, used), float((grey if used is None else grey[used]).mean()), False, digest)


def rank_by_sharpness(looks: Sequence[ImageQuality]) -> list[tuple[int, float]]:
    """Indices of pictures and their sharpness relative to the median, the most blurred first; none if that of
    one is unknown."""
    sharpness = torch.tensor([look.sharpness for look in looks], dtype=torch.float64)
    if not len(sharpness) or bool(sharpness.isnan().any()):
        return []
    shares = sharpness / sharpness.median().clamp_min(1e-12)
    return [(index, float(shares[index])) for index in shares.argsort(stable=True).tolist()]


def find_image_problems(
    train: Views, looks: Sequence[ImageQuality], test_looks: Sequence[ImageQuality]
) -> Iterator[Finding]:
    """What seems wrong with training pictures.

    Args:
        looks: measurements of all training pictures; test_looks: of all test pictures.
    """
    empty = tuple(i for i, look in enumerate(looks) if look.empty)
    if empty:
        text = f"{_of_the_images(empty, train)} are wholly transparent: {list_views(train, empty)}"
        yield Finding(text, grave=len(empty) == len(train))
    yield from _equal_pictures(train, looks, test_looks)
    blurred = tuple(index for index, share in rank_by_sharpness(looks) if share < _BLURRED)
    if blurred:
        text = f"{_of_the_images(blurred, train)} are blurred compared with the others: {list_views(train, blurred)}"
        yield Finding(text, remedy=Remedy.LEAVE_OUT, views=blurred)
    brightness = torch.tensor([look.brightness for look in looks])
    typical = brightness.nanmedian()  # NaN, and then nothing jumps, where all are partly transparent
    jumped = (brightness - typical).abs() > _JUMP * typical.clamp_min(1.0)
    jumps = tuple(jumped.nonzero().flatten().tolist())
    if jumps:
        text = f"{_of_the_images(jumps, train)} are exposed differently from most: {list_views(train, jumps)}"
        yield Finding(text, remedy=Remedy.LEAVE_OUT, views=jumps)


def _equal_pictures(
    train: Views, looks: Sequence[ImageQuality], test_looks: Sequence[ImageQuality]
) -> Iterator[Finding]:
    """Findings on pictures that equal an earlier one, pixel for pixel; empty ones are reported elsewhere."""
    first: dict[bytes, int] = {}
    twins = tuple(i for i, look in enumerate(looks) if not look.empty and first.setdefault(look.digest, i) != i)
    if twins:
        pairs = list_names([f"{train.names[i]} is {train.names[first[looks[i].digest]]}" for i in twins])
        yield Finding(
            f"{_of_the_images(twins, train)} are identical to another one: {pairs}",
            remedy=None if len(twins) > 0.5 * len(train) else Remedy.LEAVE_OUT,
            views=twins,
        )
    shared = sum(look.digest in first for look in test_looks)
    if shared:
        text = f"{shared} of the {len(test_looks)} test images are identical to a training image"
        yield Finding(f"{text}: their figures are not held out")


def _of_the_images(indices: tuple[int, ...], train: Views) -> str:
    return f"{len(indices)} of the {len(train)} training images"


def _bands(pixels: np.ndarray) -> np.ndarray:
    """A picture (height, width, channels), or some bands of a large one, as (n, rows, width, channels)."""
    height, width, n_channels = pixels.shape
    every = math.ceil(height * width / _MOST_PIXELS)
    if every == 1 or height < _BAND:
        return pixels[None]
    return pixels[: height // _BAND * _BAND].reshape(-1, _BAND, width, n_channels)[::every]
