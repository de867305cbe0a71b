"""From rendered values to colours: what a pixel shows in each mode, and the legend that says what the colours mean.

Everything here is a pure function of numpy arrays; a picture's scale depends on that picture alone, so a screenshot
can be made again from its metadata.
"""

import math

import numpy as np

from core.geometry.rays import RenderOutput
from viewer.protocol.frames import Legend
from viewer.protocol.view_settings import Mode, Tint, ViewSettings

LEFT = (1e-4, 1.0)
"""The range of transmittances that are told apart."""

_SKY = 20.0
"""Where rays never end, what is so many times as far away as the nearest quarter of a picture is its sky."""

TINT = np.float32([1.0, 0.42, 0.16])
"""Covers what is opaque."""


def to_rgba(
    output: RenderOutput, view: ViewSettings, transparent: bool = False, endless: bool = False
) -> tuple[np.ndarray, Legend | None]:
    """The picture of a rendered view.

    Args:
        output: numpy arrays of shape (height, width, ...), rendered over `view.background`.
        transparent: in colour and the depth modes, keep the opacity as alpha, with straight colour, instead of the
            background. The other modes are measures of every pixel and stay opaque.
        endless: as for `depth_range`.

    Returns:
        (height, width, 4) float32 in [0, 1], C-contiguous, and the legend; None for true colour.
    """
    match view.mode:
        case Mode.COLOR:
            if transparent:
                return _with_alpha(_straight(output.colors, output.opacities, view.background), output.opacities), None
            return _with_alpha(output.colors), None
        case _:
            rgb, alpha, legend = paint(output, view.mode, endless)
            if transparent:
                return _with_alpha(rgb, alpha), legend
            alpha = alpha[..., None]
            return _with_alpha(rgb * alpha + np.float32(view.background) * (1.0 - alpha)), legend


def paint(output: RenderOutput, mode: Mode | Tint, endless: bool = False) -> tuple[np.ndarray, np.ndarray, Legend]:
    """Colours that stand for a measure of each pixel.

    Args:
        mode: any but colour.
        endless: as for `depth_range`.

    Returns:
        rgb (height, width, 3); alpha (height, width), how far the measure exists at a pixel; the legend.
    """
    everywhere = np.ones_like(output.opacities)
    match mode:
        case Mode.OPACITY:
            rgb = np.repeat(output.opacities[..., None], 3, axis=-1)
            return rgb, everywhere, Legend("Opacity", "grey", "", 0.0, 1.0)
        case Mode.TRANSMITTANCE:
            rgb = apply_colormap(log_share(output.trans, *LEFT), "heat")
            return rgb, everywhere, Legend("Transmittance where the ray ended (log)", "heat", "", *LEFT, log=True)
        case Mode.DEPTH:
            low, high = depth_range(output.depths, output.opacities, endless)
            rgb = apply_colormap((high - output.depths) / (high - low), "depth")
            return rgb, output.opacities, Legend("Depth", "depth", "units", high, low)
        case Mode.HALF_DEPTH:
            low, high = depth_range(output.depths, output.opacities, endless)
            rgb = apply_colormap((high - output.median_depths) / (high - low), "depth")
            alpha = np.isfinite(output.median_depths).astype(np.float32)
            return rgb, alpha, Legend("Depth where half the light is left", "depth", "units", high, low)
        case Mode.SAMPLES:
            high = samples_limit(output.n_kept)
            return apply_colormap(output.n_kept / high, "heat"), everywhere, Legend(
                "Samples per ray", "heat", "", 0.0, high
            )  # fmt: skip
    raise ValueError(f"{mode} is no measure of a pixel")


def tinted(
    rgba: np.ndarray, output: RenderOutput, view: ViewSettings, endless: bool = False
) -> tuple[np.ndarray, Legend | None]:
    """Lay the measure `view.tint` over a picture (height, width, 4); and its legend, None for a single colour.

    Args:
        endless: as for `depth_range`.
    """
    if view.tint is Tint.OPACITY:
        return blend(rgba, TINT, view.tint_strength * output.opacities), None
    rgb, alpha, legend = paint(output, view.tint, endless)
    return blend(rgba, rgb, view.tint_strength * alpha), legend


def log_share(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where positive values lie between two ends on a logarithmic scale, 0 to 1; 0 and less lie at the lower end."""
    return np.log(np.clip(values, low, high) / low) / math.log(high / low)


def depth_range(depths: np.ndarray, opacities: np.ndarray, endless: bool = False) -> tuple[float, float]:
    """Near and far of a depth picture: the 1st and 99th percentile of what is more than half opaque.

    They are rounded outwards to two digits of their difference, so that the scale does not flicker as the camera
    moves. A picture without such a pixel takes all finite depths; without those it gets 0 and 1.

    Args:
        endless: rays never end. What may be sky doesn't count then: beside it all else would be of one colour.
    """
    seen = depths[(opacities > 0.5) & np.isfinite(depths)]
    if seen.size == 0:
        seen = depths[np.isfinite(depths)]
    if seen.size == 0:
        return 0.0, 1.0
    if endless:
        seen = seen[seen <= _SKY * np.percentile(seen, 25.0, method="inverted_cdf")]
    # values that are there, not between two: they are the same for a picture beside itself
    low, high = (float(v) for v in np.percentile(seen, (1.0, 99.0), method="inverted_cdf"))
    digit = 10.0 ** math.floor(math.log10(max(high - low, 1e-3 * abs(high), 1e-6)))
    step = digit / 5.0
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return low, max(high, low + step)


def samples_limit(n_kept: np.ndarray) -> float:
    """The upper end of the heat map: the 99.5th percentile, rounded up to one of 1, 2, 3, 4, 6, 8 times a power of 10.

    Args:
        n_kept: samples per ray, any shape; an empty picture gives 1.
    """
    return max(1.0, rounded_up(float(np.percentile(n_kept, 99.5, method="inverted_cdf")) if n_kept.size else 0.0))


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


def _with_alpha(rgb: np.ndarray, alpha: np.ndarray | float = 1.0) -> np.ndarray:
    rgba = np.empty((*rgb.shape[:2], 4), np.float32)
    np.clip(rgb, 0.0, 1.0, out=rgba[..., :3])
    rgba[..., 3] = np.clip(alpha, 0.0, 1.0)
    return rgba


def _straight(colors: np.ndarray, opacities: np.ndarray, background: tuple[float, float, float]) -> np.ndarray:
    """Undo the background: colour c over background b with opacity o is c = s o + b (1 - o); gives s, 0 where o is."""
    opacity = opacities[..., None]
    premultiplied = colors - np.float32(background) * (1.0 - opacity)
    return np.where(opacity > 0.0, premultiplied / np.maximum(opacity, 1e-6), 0.0)


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
    "changed": np.float32([[0.64, 0.10, 0.24], [0.50, 0.92, 0.44]]),
}
"""Colour maps by name, (n, 3) float32 sRGB each: far to near for depth, few to many for heat, lost and gained."""
