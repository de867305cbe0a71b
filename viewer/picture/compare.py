"""Two pictures in one raster: beside a divider, blended, or as their difference. Arrays in, arrays out.

The first picture is A or the photo, the second the present one.
"""

import numpy as np

from viewer.picture.colors import apply_colormap, rounded_up
from viewer.picture.modes import mode_of
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend
from viewer.protocol.view_settings import CompareAs, Mode, ViewSettings

LINE_SHARE = 1 / 450
"""Half the divider's white line in a saved picture, in picture heights; at least a pixel."""


def mixed(first: np.ndarray, second: np.ndarray, view: ViewSettings) -> np.ndarray:
    """Both pictures in one, as `view.compare_as` says; not for differences.

    The divider may cut a pixel in two; pixels to its left show the first picture.

    Args:
        first, second: (height, width, 4) float32, straight alpha.

    Returns:
        (height, width, 4) float32.
    """
    match view.compare_as:
        case CompareAs.DIVIDER:
            width = first.shape[1]
            share = np.clip(view.divider * width - np.arange(width, dtype=np.float32), 0.0, 1.0)[:, None]
        case CompareAs.BLEND:
            share = np.array([1.0 - view.blend], np.float32)
        case _:
            return first
    alpha_first, alpha_second = share * first[..., 3:], (1.0 - share) * second[..., 3:]
    alpha = alpha_first + alpha_second
    share = np.divide(alpha_first, alpha, out=np.broadcast_to(share, alpha.shape).copy(), where=alpha > 0.0)
    rgb = share * first[..., :3] + (1.0 - share) * second[..., :3]
    return np.concatenate([rgb, alpha], axis=-1, dtype=np.float32)


def difference(first: PixelArrays, second: PixelArrays, mode: Mode, names: str) -> tuple[np.ndarray, Legend]:
    """The absolute difference of what two views show, on a scale from 0 to its largest value, rounded up.

    Each mode says what it compares, see `viewer.picture.modes`.

    Args:
        first, second: over one background.
        names: both pictures' names for the legend's title, such as "A - B".

    Returns:
        (height, width, 4) float32, opaque, and its scale.
    """
    measured = mode_of(mode)
    gap = measured.gap(first, second)
    high = rounded_up(float(gap.max()))
    rgba = np.ones((*gap.shape, 4), np.float32)
    rgba[..., :3] = apply_colormap(gap / high, "heat")
    return rgba, Legend(f"|{names}|  {measured.measure}", "heat", measured.unit, 0.0, high)


def with_divider(rgba: np.ndarray, divider: float) -> np.ndarray:
    """A picture with the divider drawn into it, for files: a white line, dark along its sides."""
    height, width = rgba.shape[:2]
    line = max(1, round(height * LINE_SHARE))
    middle = round(divider * width)
    rgba = rgba.copy()
    rgba[:, max(0, middle - 2 * line) : max(0, middle + 2 * line)] *= np.array([0.5, 0.5, 0.5, 1.0], np.float32)
    rgba[:, max(0, middle - line) : max(0, middle + line)] = 1.0
    return rgba
