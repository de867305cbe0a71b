"""Looks pixels of posed images up, and composites pixels over a background.

Each is one pass over a step's batch, which torch's operations would read and write a dozen times.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Bytes, Floats, Int, LongInts

wp.set_module_options({"fuse_fp": False})  # rounds as torch's separate operations do

_RUN = 256
"""Pixels that a thread of the CPU takes one after the other."""

_GRAIN = 16
"""Runs that justify one more thread."""


@cpp_kernel("pixels.h", "look_up", run_over="places")
def _look_up(first: Int, last: Int, images: Bytes, n_channels: Int, places: LongInts, rgbs: Floats, alphas: Floats): ...


@replaceable("look_up")
def look_up(images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Colours and alphas of images' pixels.

    Args:
        images: (..., 3 or 4) uint8, contiguous: the pixels of all images, one image after the other, row by row.
        places: (n,) int64, indices of pixels among all images'. They are not checked.

    Returns:
        rgbs (n, 3), alphas (n, 1): float32 in [0, 1]; without a fourth channel the alpha is 1.
    """
    n, n_channels = places.shape[0], images.shape[-1]
    rgbs, alphas = torch.empty(n, 3, device=places.device), torch.empty(n, 1, device=places.device)
    start = images.view(-1)[:n_channels]  # a length that fits 32 bits; only the address matters
    inputs = [start, n_channels, places.contiguous(), rgbs.view(-1), alphas.view(-1)]
    launch_runs(_look_up, (n,), _RUN, inputs, grain=_GRAIN)
    return rgbs, alphas


@cpp_kernel("pixels.h", "lay_over", run_over="alphas")
def _lay_over(first: Int, last: Int, rgbs: Floats, alphas: Floats, background: Floats, colors: Floats): ...


@replaceable("lay_over")
def lay_over(rgbs: Tensor, alphas: Tensor, background: Tensor) -> Tensor:
    """Composite straight (not premultiplied) colours over a background.

    Args:
        rgbs, alphas: (n, 3) and (n, 1) float32.
        background: (3,) or (n, 3) float32.

    Returns:
        (n, 3) float32.

    Raises:
        ValueError: the background has another shape, or lies on another device.
    """
    n = alphas.shape[0]
    if background.shape not in ((3,), (n, 3)) or background.device != rgbs.device:
        raise ValueError(
            f"expected a background of shape (3,) or ({n}, 3) on {rgbs.device}, "
            f"found {tuple(background.shape)} on {background.device}: give one colour, or one for each pixel"
        )
    colors = torch.empty(n, 3, device=rgbs.device)
    inputs = [x.float().contiguous().view(-1) for x in (rgbs, alphas, background)]
    launch_runs(_lay_over, (n,), _RUN, [*inputs, colors.view(-1)], grain=4 * _GRAIN)
    return colors
