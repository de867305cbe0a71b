"""Accumulated opacity, from black to white."""

import numpy as np

from viewer.picture.modes.base import Painted, PictureMode
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend


def paint(output: PixelArrays, endless: bool) -> Painted:
    """See `PictureMode`."""
    rgb = np.repeat(output.opacities[..., None], 3, axis=-1)
    return Painted(rgb, np.ones_like(output.opacities), Legend("Opacity", "grey", "", 0.0, 1.0))


def gap(a: PixelArrays, b: PixelArrays) -> np.ndarray:
    """See `PictureMode`."""
    return np.abs(a.opacities - b.opacities)


MODE = PictureMode("Opacity", paint, gap, "opacity")
