"""A rendered view as numpy arrays: what crosses from torch to the picture."""

from typing import NamedTuple

import numpy as np

from core.geometry.rays import RenderOutput


class PixelArrays(NamedTuple):
    """The fields of `RenderOutput` as numpy arrays of shape (height, width, ...); see there."""

    colors: np.ndarray
    opacities: np.ndarray
    depths: np.ndarray
    median_depths: np.ndarray
    trans: np.ndarray
    n_dense: np.ndarray
    n_marched: np.ndarray
    n_kept: np.ndarray
    stopped: np.ndarray


def to_arrays(output: RenderOutput) -> PixelArrays:
    """Copy a rendered image to numpy, from whichever device."""
    return PixelArrays(*(x.cpu().numpy() for x in output))
