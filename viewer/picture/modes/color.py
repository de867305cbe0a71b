"""The pixels' own colours."""

import numpy as np

from viewer.picture.modes.base import PictureMode
from viewer.picture.pixels import PixelArrays


def gap(a: PixelArrays, b: PixelArrays) -> np.ndarray:
    """The largest difference of a channel, as shown."""
    return np.abs(np.clip(a.colors, 0.0, 1.0) - np.clip(b.colors, 0.0, 1.0)).max(axis=-1)


MODE = PictureMode("Colour", None, gap, "colour, largest channel")
