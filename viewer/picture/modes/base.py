"""What a mode of the picture is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from viewer.picture.pixels import PixelArrays
from viewer.protocol.frames import Legend


class Painted(NamedTuple):
    """Colours that stand for a measure of each pixel.

    Attributes:
        rgb: (height, width, 3) float32.
        alpha: (height, width) float32: 0 where the measure doesn't exist and the background shows.
        legend: what the colours mean.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    legend: Legend


@dataclass(frozen=True)
class PictureMode:
    """One mode. A picture's scale depends on that picture alone, so that a screenshot can be made again.

    Attributes:
        label: the text of its button.
        paint: the colours of an output; the flag says that rays never end, see `depth_range`. None: the pixels' own
            colours, which lie over the background.
        gap: absolute differences (height, width) float32 between two outputs.
        measure: the name of what `gap` compares, in a legend.
        unit: of `gap`, "" for a pure number.
    """

    label: str
    paint: Callable[[PixelArrays, bool], Painted] | None
    gap: Callable[[PixelArrays, PixelArrays], np.ndarray]
    measure: str
    unit: str = ""


def gap_where(both: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Absolute differences where both have a value, 0 elsewhere."""
    return np.abs(np.subtract(a, b, out=np.zeros_like(a), where=both))
