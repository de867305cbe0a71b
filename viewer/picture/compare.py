"""Two pictures in one raster: beside a divider, blended, or as their difference. Arrays in, arrays out.

The first picture is A or the photo, the second is the present one.
"""

import numpy as np

from core.geometry.rays import RenderOutput
from viewer.picture.modes import apply_colormap, rounded_up
from viewer.protocol.frames import Legend
from viewer.protocol.view_settings import CompareAs, Mode, ViewSettings

LINE_SHARE = 1 / 450
"""The divider's width in a saved picture, in picture heights; at least a pixel."""


def mixed(first: np.ndarray, second: np.ndarray, view: ViewSettings) -> np.ndarray:
    """Both pictures as `view` shows them, unless it shows their difference.

    The divider cuts the pixel it falls into; pixels to its left show the first picture.

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
            share = np.float32([1.0 - view.blend])
        case _:
            return first
    alpha_first, alpha_second = share * first[..., 3:], (1.0 - share) * second[..., 3:]
    alpha = alpha_first + alpha_second
    share = np.divide(alpha_first, alpha, out=np.broadcast_to(share, alpha.shape).copy(), where=alpha > 0.0)
    rgb = share * first[..., :3] + (1.0 - share) * second[..., :3]
    return np.concatenate([rgb, alpha], axis=-1, dtype=np.float32)


def difference(first: RenderOutput, second: RenderOutput, mode: Mode, names: str) -> tuple[np.ndarray, Legend]:
    """The absolute difference of what two views show, from 0 to its largest value, rounded up.

    Of colours it is the largest over the channels. Depths are compared where both views have one (more than half
    opaque), and count as equal elsewhere.

    Args:
        first, second: numpy arrays (height, width, ...), over one background.
        names: of both, for the legend's title, such as "A - B".

    Returns:
        (height, width, 4) float32, opaque, and its scale.
    """
    gap, what, unit = _gap(first, second, mode)
    high = rounded_up(float(gap.max()))
    rgba = np.ones((*gap.shape, 4), np.float32)
    rgba[..., :3] = apply_colormap(gap / high, "heat")
    return rgba, Legend(f"|{names}|  {what}", "heat", unit, 0.0, high)


def _gap(a: RenderOutput, b: RenderOutput, mode: Mode) -> tuple[np.ndarray, str, str]:
    """Absolute differences (height, width), of what, and in which unit."""
    match mode:
        case Mode.COLOR:
            gap = np.abs(np.clip(a.colors, 0.0, 1.0) - np.clip(b.colors, 0.0, 1.0))
            return gap.max(axis=-1), "colour, largest channel", ""
        case Mode.OPACITY:
            return np.abs(a.opacities - b.opacities), "opacity", ""
        case Mode.TRANSMITTANCE:
            return np.abs(a.trans - b.trans), "transmittance where the ray ended", ""
        case Mode.DEPTH:
            both = (a.opacities > 0.5) & (b.opacities > 0.5)
            return _gap_where(both, a.depths, b.depths), "depth", "units"
        case Mode.HALF_DEPTH:
            both = np.isfinite(a.median_depths) & np.isfinite(b.median_depths)
            return _gap_where(both, a.median_depths, b.median_depths), "half depth", "units"
        case Mode.SAMPLES:
            return np.abs(a.n_kept - b.n_kept).astype(np.float32), "samples per ray", ""


def _gap_where(there: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(np.subtract(a, b, out=np.zeros_like(a), where=there))


def with_divider(rgba: np.ndarray, divider: float) -> np.ndarray:
    """A picture with a thin line where the divider is, for where no window draws it: white, dark along its sides."""
    height, width = rgba.shape[:2]
    line = max(1, round(height * LINE_SHARE))
    middle = round(divider * width)
    rgba = rgba.copy()
    rgba[:, max(0, middle - 2 * line) : max(0, middle + 2 * line)] *= np.float32([0.5, 0.5, 0.5, 1.0])
    rgba[:, max(0, middle - line) : max(0, middle + line)] = 1.0
    return rgba
