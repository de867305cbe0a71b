"""The depth where transmittance passes 0.5."""

import numpy as np

from viewer.picture.colors import apply_colormap
from viewer.picture.modes.base import Painted, PictureMode, gap_where
from viewer.picture.modes.depth import depth_range
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend


def paint(output: PixelArrays, endless: bool) -> Painted:
    """See `PictureMode`; on the scale of the mean depth. The background shows where half the light is left."""
    low, high = depth_range(output.depths, output.opacities, endless)
    rgb = apply_colormap((high - output.median_depths) / (high - low), "depth")
    alpha = np.isfinite(output.median_depths).astype(np.float32)
    return Painted(rgb, alpha, Legend("Depth where half the light is left", "depth", "units", high, low))


def gap(a: PixelArrays, b: PixelArrays) -> np.ndarray:
    """Compared where both have such a depth, 0 elsewhere."""
    both = np.isfinite(a.median_depths) & np.isfinite(b.median_depths)
    return gap_where(both, a.median_depths, b.median_depths)


MODE = PictureMode("Half depth", paint, gap, "half depth", "units")
