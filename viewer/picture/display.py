"""From rendered values to colours: the picture in its mode, and the tint over it. Pure functions of numpy arrays."""

import numpy as np

from viewer.picture.colors import blend, with_alpha
from viewer.picture.modes import mode_of
from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend
from viewer.protocol.view_settings import Tint, ViewSettings

TINT = np.array([1.0, 0.42, 0.16], np.float32)
"""The colour that covers opaque pixels."""


def to_rgba(
    output: PixelArrays, view: ViewSettings, transparent: bool = False, endless: bool = False
) -> tuple[np.ndarray, Legend | None]:
    """The picture of a rendered view.

    Args:
        output: rendered over `view.background`.
        transparent: in colour and the depth modes, keep the opacity as alpha, with straight colour, instead of the
            background. The other modes measure every pixel and stay opaque.
        endless: rays never end, see `viewer.picture.modes.depth.depth_range`.

    Returns:
        (height, width, 4) float32 in [0, 1], C-contiguous, and the legend; None for true colour.
    """
    paint = mode_of(view.mode).paint
    if paint is None:
        if transparent:
            return with_alpha(_straight(output.colors, output.opacities, view.background), output.opacities), None
        return with_alpha(output.colors), None
    rgb, alpha, legend = paint(output, endless)
    if transparent:
        return with_alpha(rgb, alpha), legend
    alpha = alpha[..., None]
    return with_alpha(rgb * alpha + np.array(view.background, np.float32) * (1.0 - alpha)), legend


def tinted(
    rgba: np.ndarray, output: PixelArrays, view: ViewSettings, endless: bool = False
) -> tuple[np.ndarray, Legend | None]:
    """Lay the measure `view.tint` over a picture (height, width, 4).

    Args:
        endless: as for `to_rgba`.

    Returns:
        The picture, and the tint's legend; None for a single colour.
    """
    paint = mode_of(view.tint).paint
    if view.tint is Tint.OPACITY or paint is None:
        return blend(rgba, TINT, view.tint_strength * output.opacities), None
    rgb, alpha, legend = paint(output, endless)
    return blend(rgba, rgb, view.tint_strength * alpha), legend


def _straight(colors: np.ndarray, opacities: np.ndarray, background: tuple[float, float, float]) -> np.ndarray:
    """Undo the background: over background b, straight colour s of opacity o is c = s o + b (1 - o). 0 where o is 0."""
    opacity = opacities[..., None]
    premultiplied = colors - np.array(background, np.float32) * (1.0 - opacity)
    return np.where(opacity > 0.0, premultiplied / np.maximum(opacity, 1e-6), 0.0)
