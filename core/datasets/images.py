"""Reads pictures into bytes, reduced on the way, so that no more than two full-size pictures are in memory at once.

Whatever mode Pillow finds (grey, palette, 16 bits, CMYK) becomes 8 bits of RGB, with straight alpha where the file
has any kind of transparency.
"""

import math
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import DatasetError

READERS = 2
"""Threads that decode; Pillow releases the GIL meanwhile. More would hold more full-size pictures."""

_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class Header(NamedTuple):
    """What a picture's first bytes tell."""

    width: int
    height: int
    has_alpha: bool


def read_header(path: Path) -> Header:
    """Size and transparency of one picture, without decoding it.

    Raises:
        DatasetError: it can't be read as a picture.
    """
    try:
        with Image.open(path) as image:
            return Header(*image.size, image.has_transparency_data)
    except _DECODING_ERRORS as error:
        raise _broken(path, error) from error


def common_header(paths: Sequence[Path], named_by: Path) -> Header:
    """The one size of all pictures; with alpha if any has alpha.

    Args:
        named_by: the file that lists the pictures, for messages.

    Raises:
        DatasetError: pictures are missing, broken or of several sizes.
    """
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        raise DatasetError(
            f"{missing[0]} is missing: {len(missing)} of the {len(paths)} images that {named_by} names do not exist; "
            "restore them or remove their frames"
        )
    headers = [read_header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        if header[:2] != headers[0][:2]:
            raise DatasetError(
                f"{path} is {header.width}x{header.height}: expected {headers[0].width}x{headers[0].height} like "
                f"{paths[0].name}; bring all images of {named_by} to one size"
            )
    return headers[0]._replace(has_alpha=any(header.has_alpha for header in headers))


def read_image(path: Path, with_alpha: bool) -> np.ndarray:
    """One picture, (height, width, 4 or 3) uint8, straight colour; without alpha in the file, alpha is 255.

    Raises:
        DatasetError: it can't be read as a picture.
    """
    try:
        with Image.open(path) as image:
            if image.mode in _SIXTEEN_BIT_MODES:
                image = _eight_bit_grey(image)
            elif image.mode == "F":
                raise ValueError("its pixels are floating-point numbers")
            return np.asarray(image.convert("RGBA" if with_alpha else "RGB"))
    except _DECODING_ERRORS as error:
        raise _broken(path, error) from error


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    """Pillow's own conversion of 16-bit grey clips at 255 instead of scaling."""
    values = np.asarray(image).astype(np.int64).clip(0, 65535)
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _broken(path: Path, error: Exception) -> DatasetError:
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        found = "an empty file"
    else:
        found = f"something else ({' '.join(str(error).split())})"
    return DatasetError(
        f"{path} can't be read: expected a picture such as PNG or JPEG, found {found}; replace the file"
    )


def box_filter(image: np.ndarray, factor: int) -> np.ndarray:
    """Reduce a picture by a whole factor; every new pixel is the mean of factor x factor old ones.

    With alpha the mean is taken of premultiplied colour, so that colours behind transparent pixels don't bleed in,
    and stored as straight colour. Rows and columns that don't fill a block are left out at the bottom and right.

    Args:
        image: (height, width, 3 or 4) uint8.

    Returns:
        (height // factor, width // factor, 3 or 4) uint8, rounded.
    """
    if factor == 1:
        return image
    height, width = image.shape[0] // factor, image.shape[1] // factor
    image = image[: height * factor, : width * factor]
    weighted = image.shape[2] == 4
    columns = np.zeros((height, width * factor, image.shape[2]), np.int64)
    for row in range(factor):  # row by row: a whole picture in 8 bytes a channel would take eight times its memory
        rows = image[row::factor].astype(np.int64)
        if weighted:
            rows[..., :3] *= rows[..., 3:]
        columns += rows
    sums = columns.reshape(height, width, factor, -1).sum(axis=2)
    total = sums[..., 3:] if weighted else factor * factor
    reduced = _rounded_ratio(sums, np.maximum(total, 1))
    if weighted:
        reduced[..., 3:] = _rounded_ratio(total, factor * factor)
    return reduced.astype(np.uint8)


def _rounded_ratio(numerator: np.ndarray, denominator: np.ndarray | int) -> np.ndarray:
    return (2 * numerator + denominator) // (2 * denominator)


def read_images(paths: Sequence[Path], header: Header, downscale: int, on_read: Callable[[], None]) -> Tensor:
    """All pictures, (n, height // downscale, width // downscale, 4 or 3) uint8.

    Args:
        header: what `common_header` gave for them.
        on_read: called on this thread after each picture; what it raises ends the reading.

    Raises:
        DatasetError: a picture can't be read, they don't fit in memory, or `downscale` leaves no pixel.
    """
    shape = (len(paths), *reduced_size(header, downscale, paths[0]), 4 if header.has_alpha else 3)
    _check_memory(math.prod(shape), downscale, paths[0].parent)
    images = np.empty(shape, np.uint8)

    def read(index: int) -> None:
        images[index] = box_filter(read_image(paths[index], header.has_alpha), downscale)

    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read-images")
    try:
        for _ in pool.map(read, range(len(paths))):
            on_read()
    finally:
        pool.shutdown(cancel_futures=True)
    return torch.from_numpy(images)


def reduced_size(header: Header, downscale: int, path: Path) -> tuple[int, int]:
    """Height and width of a picture that is reduced by a factor.

    Args:
        path: of the picture, for messages.

    Raises:
        DatasetError: nothing would be left of it.
    """
    height, width = header.height // downscale, header.width // downscale
    if not (height and width):
        raise DatasetError(
            f"downscale {downscale} is larger than the images of {header.width}x{header.height} "
            f"({path}): choose at most {min(header.width, header.height)}"
        )
    return height, width


def _check_memory(needed: int, downscale: int, folder: Path) -> None:
    free = free_memory()
    if free is not None and needed > free:
        factor = math.ceil(downscale * math.sqrt(needed / max(free, 1)))
        raise DatasetError(
            f"{folder}: its images need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: "
            f"downscale by {factor} or close other programs"
        )


def free_memory() -> int | None:
    """Bytes of memory that can be used without swapping, or None where the system doesn't tell."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
