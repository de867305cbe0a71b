"""Colours by number: colour maps, scales with round ends, and laying one colour over another."""

import math

import numpy as np


def log_share(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where positive values lie between two ends on a logarithmic scale, 0 to 1; 0 and less lie at the lower end."""
    return np.log(np.clip(values, low, high) / low) / math.log(high / low)


def rounded_up(top: float) -> float:
    """The end of a scale that reaches `top`: 1, 2, 3, 4, 6 or 8 times a power of 10; 1 for nothing at all."""
    if top <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next(m * power for m in (1, 2, 3, 4, 6, 8, 10) if m * power >= top * (1.0 - 1e-6))


def apply_colormap(values: np.ndarray, name: str) -> np.ndarray:
    """Colours (..., 3) float32 for values (...); below 0, above 1 and infinite take the ends, NaN the first."""
    table = COLORMAPS[name]
    scaled = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    index = np.clip(scaled * len(table), 0, len(table) - 1).astype(np.int32)
    return table.take(index, axis=0)


def blend(rgba: np.ndarray, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay a colour over a picture with straight alpha (Porter and Duff 1984, "over").

    Args:
        rgba: (..., 4) float32; rgb: broadcastable to (..., 3); alpha: (...) in [0, 1].

    Returns:
        (..., 4) float32.
    """
    over = alpha[..., None].astype(np.float32)
    if rgba[..., 3].min(initial=1.0) == 1.0:  # the usual, opaque picture: half the work
        result = rgba * (1.0 - over)
        result[..., :3] += rgb * over
        result[..., 3] = 1.0
        return result
    under = rgba[..., 3:] * (1.0 - over)
    total = over + under
    colour = rgb * over + rgba[..., :3] * under
    result = np.empty(rgba.shape, np.float32)
    result[..., :3] = np.where(total > 0.0, colour / np.maximum(total, 1e-6), rgba[..., :3])
    result[..., 3:] = total
    return result


def with_alpha(rgb: np.ndarray, alpha: np.ndarray | float = 1.0) -> np.ndarray:
    """A picture (height, width, 4) float32 in [0, 1] of colours (height, width, 3) and their opacity."""
    rgba = np.empty((*rgb.shape[:2], 4), np.float32)
    np.clip(rgb, 0.0, 1.0, out=rgba[..., :3])
    rgba[..., 3] = np.clip(alpha, 0.0, 1.0)
    return rgba


def _oklch_table(lightness: tuple[float, float], chroma: float, hues: tuple[float, float], n: int = 256) -> np.ndarray:
    """A colour map (n, 3) float32 in sRGB whose lightness grows evenly: equal steps of value look equally large.

    It is a curve through Oklab with linear lightness and hue (degrees). Its chroma is the asked-for one, or 0.9 of
    what sRGB has room for at that lightness and hue, found by bisection.
    """
    light, hue = np.linspace(*lightness, n), np.radians(np.linspace(*hues, n))
    direction = np.stack([np.cos(hue), np.sin(hue)], axis=-1)
    low, high = np.zeros(n), np.full(n, 0.4)
    for _ in range(20):
        middle = 0.5 * (low + high)
        linear = _oklab_to_linear(np.column_stack([light, middle[:, None] * direction]))
        inside = ((linear >= 0.0) & (linear <= 1.0)).all(axis=1)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    strength = np.minimum(chroma, 0.9 * low)
    linear = np.clip(_oklab_to_linear(np.column_stack([light, strength[:, None] * direction])), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055).astype(np.float32)


def _oklab_to_linear(lab: np.ndarray) -> np.ndarray:
    """Linear sRGB (n, 3) of Oklab colours (n, 3): Ottosson 2020, "A perceptual color space for image processing"."""
    to_lms = np.array(
        [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    return (lab @ to_lms.T) ** 3 @ to_rgb.T


COLORMAPS = {
    "grey": np.repeat(np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None], 3, axis=1),
    "depth": _oklch_table((0.28, 0.93), 0.14, (296.0, 105.0)),
    "heat": _oklch_table((0.08, 0.96), 0.20, (-75.0, 105.0)),
    "changed": np.array([[0.64, 0.10, 0.24], [0.50, 0.92, 0.44]], np.float32),
}
"""Colour maps by name, (n, 3) float32 sRGB each: depth goes from far to near, heat from few to many, changed from lost
to gained."""
