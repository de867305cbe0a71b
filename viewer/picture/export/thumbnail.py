"""Thumbnails of bookmarks as text, for files of JSON."""

import base64
import binascii
import io

import numpy as np
from PIL import Image

from core.films.png import eight_bits

WIDTH, HEIGHT = 96, 60
"""In pixels; a picture of another aspect is cropped."""


def thumbnail_of(rgba: np.ndarray) -> str:
    """A picture (height, width, 4) float32 as a small WebP in base64."""
    picture = Image.fromarray(eight_bits(rgba[..., :3]))
    scale = max(WIDTH / picture.width, HEIGHT / picture.height)
    left, top = 0.5 * (picture.width - WIDTH / scale), 0.5 * (picture.height - HEIGHT / scale)
    box = (left, top, left + WIDTH / scale, top + HEIGHT / scale)
    small = picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX, box=box)
    encoded = io.BytesIO()
    small.save(encoded, format="WEBP", quality=75)
    return base64.b64encode(encoded.getvalue()).decode()


def thumbnail_pixels(text: str) -> np.ndarray | None:
    """The pixels of a thumbnail, (HEIGHT, WIDTH, 4) float32; None for one that can't be read."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as picture:
            small = picture.convert("RGBA").resize((WIDTH, HEIGHT))
    except (OSError, ValueError, binascii.Error, Image.DecompressionBombError):
        return None
    return np.asarray(small, np.float32) / 255.0
