"""The transmittance where each ray ended, on a log scale."""

import numpy as np

from viewer.picture.colors import apply_colormap, log_share
from viewer.picture.modes.base import Painted, PictureMode
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend

RANGE = (1e-4, 1.0)
"""Transmittances below take the map's first colour."""


def paint(output: PixelArrays, endless: bool) -> Painted:
    """See `PictureMode`."""
    rgb = apply_colormap(log_share(output.trans, *RANGE), "heat")
    legend = Legend("Transmittance where the ray ended (log)", "heat", "", *RANGE, log=True)
    return Painted(rgb, np.ones_like(output.trans), legend)


def gap(a: PixelArrays, b: PixelArrays) -> np.ndarray:
    """See `PictureMode`."""
    return np.abs(a.trans - b.trans)


MODE = PictureMode("Light left", paint, gap, "transmittance where the ray ended")
