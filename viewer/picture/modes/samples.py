"""The number of composited samples per ray."""

import numpy as np

from viewer.picture.colors import apply_colormap, rounded_up
from viewer.picture.modes.base import Painted, PictureMode
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend


def samples_limit(n_kept: np.ndarray) -> float:
    """The upper end of the heat map: the 99.5th percentile, rounded up to 1, 2, 3, 4, 6 or 8 times a power of 10.

    Args:
        n_kept: samples per ray, any shape; an empty picture gives 1.
    """
    return max(1.0, rounded_up(float(np.percentile(n_kept, 99.5, method="inverted_cdf")) if n_kept.size else 0.0))


def paint(output: PixelArrays, endless: bool) -> Painted:
    """See `PictureMode`."""
    high = samples_limit(output.n_kept)
    rgb = apply_colormap(output.n_kept / high, "heat")
    return Painted(rgb, np.ones_like(output.opacities), Legend("Samples per ray", "heat", "", 0.0, high))


def gap(a: PixelArrays, b: PixelArrays) -> np.ndarray:
    """See `PictureMode`."""
    return np.abs(a.n_kept - b.n_kept).astype(np.float32)


MODE = PictureMode("Samples", paint, gap, "samples per ray")
