"""PNG files with texts in them."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image, PngImagePlugin


def eight_bits(picture: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as uint8, rounded; what lies beyond is clipped."""
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


def png_bytes(pixels: np.ndarray, texts: Mapping[str, str]) -> bytes:
    """A PNG file of pixels (height, width, 3 or 4) or (height, width) uint8, with texts by their keywords."""
    chunk = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        chunk.add_itxt(keyword, text)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format="PNG", pnginfo=chunk)
    return encoded.getvalue()
