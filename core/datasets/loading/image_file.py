"""Reads a picture file: its header, and its pixels as bytes.

Every mode that Pillow finds (grey, palette, 16 bits, CMYK) becomes 8-bit RGB, with straight alpha if the file has any
kind of transparency. Phones store a portrait as a landscape with a tag (EXIF's orientation) that says how to turn it;
headers keep track of whether it is followed.
"""

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from core.errors import DatasetError

PICTURE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".hif"),
    *(".jfif", ".jpe", ".mpo", ".jp2", ".j2k", ".gif", ".ppm", ".pgm", ".tga"),
)
"""Suffixes of pictures that Pillow reads, HEIC with pillow-heif; a name without one gets the first."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Bytes 8 to 12 of HEIC files, whatever their suffix."""

_ASPECT_TOLERANCE = 0.02

_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
_TAG_ERRORS = (*_DECODING_ERRORS, AssertionError, KeyError, TypeError, IndexError, ZeroDivisionError)
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that makes a picture upright, by its orientation tag."""

_UNDONE = {6: 8, 8: 6}
"""The orientations that another one inverts; the others are their own inverse."""


class Header(NamedTuple):
    """A picture's header, and how the picture is to be read.

    Attributes:
        width, height: of the picture as it is read.
        has_alpha: whether it has any kind of transparency.
        orientation: the tag, 1 to 8, by which it is turned on reading; 1: not at all.
        kind: Pillow's name of the file's format.
    """

    width: int
    height: int
    has_alpha: bool
    orientation: int = 1
    kind: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def as_stored(self) -> "Header":
        """The same picture, read without following its tag."""
        width, height = self.size if self.orientation < 5 else self.size[::-1]
        return self._replace(width=width, height=height, orientation=1)

    def posed(self, size: tuple[float, float] | None) -> "Header":
        """The picture as it is read where another program found its pose, for pixels of a size; None if unknown.

        It is turned only if its upright shape matches the size and the stored shape doesn't: programs that find poses
        (COLMAP, instant-ngp, nerfstudio) ignore the tag.
        """
        stored = self.as_stored
        turned = size is not None and same_shape(self.size, size) and not same_shape(stored.size, size)
        return self if turned else stored


def same_shape(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two sizes have the same aspect, up to rounding."""
    return abs(a[0] * b[1] - a[1] * b[0]) <= _ASPECT_TOLERANCE * abs(a[1] * b[0])


def read_header(path: Path) -> Header:
    """Size and transparency of one picture, upright, without decoding it.

    Raises:
        DatasetError: it can't be read as a picture.
    """
    try:
        with _open(path) as image:
            tag = _orientation(image)
            # Pillow gives the upright size of a TIFF itself
            width, height = image.size if tag < 5 or image.format == "TIFF" else image.size[::-1]
            return Header(width, height, image.has_transparency_data, tag, image.format or "")
    except _DECODING_ERRORS as error:
        raise picture_error(path, error) from error


def read_image(path: Path, with_alpha: bool, orientation: int = 1) -> np.ndarray:
    """One picture, (height, width, 4 or 3) uint8, straight colour; without alpha in the file, alpha is 255.

    Args:
        orientation: its header's.

    Raises:
        DatasetError: it can't be read as a picture.
    """
    try:
        with _open(path) as image:
            turn = _TURNS.get(_remaining_turn(image, orientation))
            if image.mode in _SIXTEEN_BIT_MODES:
                image = _eight_bit_grey(image)
            elif image.mode == "F":
                raise ValueError("its pixels are floating-point numbers")
            image = image.convert("RGBA" if with_alpha else "RGB")
            return np.asarray(image if turn is None else image.transpose(turn))
    except _DECODING_ERRORS as error:
        raise picture_error(path, error) from error


def nonzero_pixels(path: Path) -> np.ndarray:
    """Where a picture, as stored, isn't black: (height, width) bool; its alpha is ignored.

    Raises:
        DatasetError: it can't be read as a picture.
    """
    try:
        with _open(path) as image:
            values = np.asarray(image if image.mode in ("L", "1", *_SIXTEEN_BIT_MODES) else image.convert("RGB"))
            return np.asarray(values != 0 if values.ndim == 2 else values.any(-1))
    except _DECODING_ERRORS as error:
        raise picture_error(path, error) from error


def _open(path: Path) -> Image.Image:
    """The picture, not decoded yet; HEIC if pillow-heif is installed, which is optional."""
    try:
        return Image.open(path)
    except Image.UnidentifiedImageError:
        if not _is_heif(path):
            raise
        with contextlib.suppress(ImportError):
            from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports] - it is optional

            register_heif_opener()
        return Image.open(path)


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(12)[8:] in _HEIF_BRANDS


def _orientation(image: Image.Image) -> int:
    """A picture's orientation tag, 1 to 8; 1 if it can't be read."""
    try:
        # not PNG's own method, which decodes the pixels to reach chunks behind them
        tag = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except _TAG_ERRORS:
        return 1
    return tag if tag in _TURNS else 1


def _remaining_turn(image: Image.Image, orientation: int) -> int:
    """The orientation that a decoded picture still has to be turned by: Pillow decodes TIFFs upright."""
    if image.format != "TIFF":
        return orientation
    tag = _orientation(image)
    return 1 if orientation == tag else _UNDONE.get(tag, tag)


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    """16-bit grey as 8 bits: Pillow's own conversion clips at 255 instead of scaling, and loses the transparent
    grey."""
    values, clear = np.asarray(image).astype(np.int64).clip(0, 65535), image.info.get("transparency")
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if clear is not None:
        grey.putalpha(Image.fromarray((values != clear).astype(np.uint8) * 255))
    return grey


def picture_error(path: Path, error: Exception) -> DatasetError:
    """The error for a picture that can't be read."""
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        found = "an empty file"
    elif isinstance(error, Image.UnidentifiedImageError) and _is_heif(path):
        return DatasetError(
            f"{path} can't be read: expected a picture that Pillow reads, found HEIC, which needs another package: "
            "pip install pillow-heif, or convert the pictures to JPEG"
        )
    else:
        found = f"something else ({' '.join(str(error).split())})"
    return DatasetError(
        f"{path} can't be read: expected a picture such as PNG or JPEG, found {found}; replace the file"
    )
