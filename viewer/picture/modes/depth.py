"""The mean depth of what each ray hit, near bright and far dark."""

import math

import numpy as np

from viewer.picture.colors import apply_colormap
from viewer.picture.modes.base import Painted, PictureMode, gap_where
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend

SKY = 20.0
"""Where rays never end, what is this many times as far away as the nearest quarter of a picture counts as sky."""


def depth_range(depths: np.ndarray, opacities: np.ndarray, endless: bool = False) -> tuple[float, float]:
    """Near and far of a depth picture: the 1st and 99th percentile of what is more than half opaque.

    They are rounded outwards to two digits of their difference, so that the scale does not flicker as the camera
    moves. Without such a pixel all finite depths count; without any of those the range is 0 to 1.

    Args:
        endless: rays never end. What may be sky is left out then: beside it everything else would have one colour.
    """
    seen = depths[(opacities > 0.5) & np.isfinite(depths)]
    if seen.size == 0:
        seen = depths[np.isfinite(depths)]
    if seen.size == 0:
        return 0.0, 1.0
    if endless:
        seen = seen[seen <= SKY * np.percentile(seen, 25.0, method="inverted_cdf")]
    # values that occur, not interpolated ones: a picture beside itself has the same range
    low, high = (float(v) for v in np.percentile(seen, (1.0, 99.0), method="inverted_cdf"))
    digit = 10.0 ** math.floor(math.log10(max(high - low, 1e-3 * abs(high), 1e-6)))
    step = digit / 5.0
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return low, max(high, low + step)


def paint(output: PixelArrays, endless: bool) -> Painted:
    """See `PictureMode`; the background shows through as far as the pixel is transparent."""
    low, high = depth_range(output.depths, output.opacities, endless)
    rgb = apply_colormap((high - output.depths) / (high - low), "depth")
    return Painted(rgb, output.opacities, Legend("Depth", "depth", "units", high, low))


def gap(a: PixelArrays, b: PixelArrays) -> np.ndarray:
    """Compared where both pixels are more than half opaque, 0 elsewhere."""
    return gap_where((a.opacities > 0.5) & (b.opacities > 0.5), a.depths, b.depths)


MODE = PictureMode("Depth", paint, gap, "depth", "units")
