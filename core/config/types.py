"""Types that settings share with what they set."""

from typing import Literal

Box = tuple[float, float, float, float, float, float]
"""x0 y0 z0 x1 y1 z1, the low corner first."""

Precision = Literal["float32", "bfloat16"]
