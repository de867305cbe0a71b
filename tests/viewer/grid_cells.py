"""Synthetic cells that cover every pixel of a small picture."""

import numpy as np

from viewer.picture.overlays.grid_cells import Cells

WIDTH, HEIGHT = 40, 30


def some_cells(t=2.0, edge=0.3, level=0, value=1.0, axis=1) -> Cells:
    pixels = np.arange(WIDTH * HEIGHT)
    full = lambda x, kind=np.float32: np.full(len(pixels), x, kind)  # noqa: E731
    return Cells(pixels, full(t), full(axis, np.int32), full(edge), full(level, np.int32), full(value))


def no_cells() -> Cells:
    return Cells(*(column[:0] for column in some_cells()))
