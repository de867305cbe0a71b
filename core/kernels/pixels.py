"""Pixels of posed images: the rays through them, and what the images have there.

Each is a step's draw or a view's slice in one pass, where torch's operations would read and write it a dozen times.
"""

from functools import cache

import torch
import warp as wp
from torch import Tensor

from core.geometry.lenses import Lens
from core.kernels.rays_code import RAYS_CODE
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.native import native_kernel

wp.set_module_options({"fuse_fp": False})  # or rays through lenses end elsewhere than torch's, see `rays_code`

_RUN = 256
"""Pixels that a thread of the CPU takes one after the other, sixteen at a time."""

_GRAIN = 16
"""Runs that are worth a thread."""

# Warp counts an array's elements in 32 bits, and large datasets have more bytes.
_LOOK_UP = """
    for (int i = first; i < last; ++i) {
        const unsigned char* at = images.data + n_channels * places.data[i];
        float* rgb = rgbs.data + 3 * (size_t)i;
        for (int channel = 0; channel < 3; ++channel)
            rgb[channel] = (float)at[channel] / 255.0f;
        alphas.data[i] = n_channels == 4 ? (float)at[3] / 255.0f : 1.0f;
    }
"""


@native_kernel(_LOOK_UP, run_over="places")
def _look_up(
    first: wp.int32,
    last: wp.int32,
    images: wp.array(dtype=wp.uint8),
    n_channels: wp.int32,
    places: wp.array(dtype=wp.int64),
    rgbs: wp.array(dtype=wp.float32),
    alphas: wp.array(dtype=wp.float32),
): ...


def look_up(images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """What images have at pixels.

    Args:
        images: (..., 3 or 4) uint8, contiguous: the pixels of all images, one image after the other, row by row.
        places: (n,) int64, which of them. What there is not is not noticed.

    Returns:
        rgbs (n, 3), alphas (n, 1): float32 in [0, 1]; without a fourth channel the alpha is 1.
    """
    n, n_channels = places.shape[0], images.shape[-1]
    rgbs, alphas = torch.empty(n, 3, device=places.device), torch.empty(n, 1, device=places.device)
    start = images.view(-1)[:n_channels]  # a length that fits 32 bits; only the address matters
    inputs = [start, n_channels, places.contiguous(), rgbs.view(-1), alphas.view(-1)]
    launch_runs(_look_up, (n,), _RUN, inputs, grain=_GRAIN)
    return rgbs, alphas


_LAY_OVER = """
    for (int i = first; i < last; ++i) {
        const float alpha = alphas.data[i], *behind = background.data + (background.shape[0] == 3 ? 0 : 3 * (size_t)i);
        for (size_t c = 3 * (size_t)i, k = 0; k < 3; ++k)
            colors.data[c + k] = rgbs.data[c + k] * alpha + behind[k] * (1.0f - alpha);
    }
"""


@native_kernel(_LAY_OVER, run_over="alphas")
def _lay_over(
    first: wp.int32,
    last: wp.int32,
    rgbs: wp.array(dtype=wp.float32),
    alphas: wp.array(dtype=wp.float32),
    background: wp.array(dtype=wp.float32),
    colors: wp.array(dtype=wp.float32),
): ...


def lay_over(rgbs: Tensor, alphas: Tensor, background: Tensor) -> Tensor:
    """Straight colours over background colours.

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


@native_kernel(RAYS_CODE, run_over="pixels")
def _camera_rays(
    first: wp.int32,
    last: wp.int32,
    c2w: wp.array(dtype=wp.mat44f),
    K: wp.array(dtype=wp.mat33f),
    coefficients: wp.array(dtype=wp.float32),
    fisheye: wp.bool,
    width: wp.int32,
    height: wp.int32,
    sizes: wp.array2d(dtype=wp.int64),
    axes: wp.vec3f,
    center: wp.float32,
    views: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int64),
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
): ...


@cache
def _vector(values: tuple[float, ...]) -> wp.vec3f:
    return wp.vec3f(*values)


def camera_rays(
    c2w: Tensor,
    K: Tensor,
    lens: Lens | None,
    size: tuple[int, int] | Tensor,
    axes: tuple[float, float, float],
    center: float,
    pixels: Tensor,
    views: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rays through pixels of cameras.

    Args:
        c2w, K: (n_views, 4, 4) and (n_views, 3, 3) float32, cameras to world and intrinsics in pixels.
        lens: its coefficients (n_views, 8) float32, undone as `core.geometry.lenses.straighten` does; None: pinholes.
        size: width and height of all images, or of each one, (n_views, 2) int64.
        axes: what one step to the right, down and ahead in the image is on the camera's x, y and z axis.
        center: where a pixel's centre lies between its first and its last border.
        pixels: (n,) int64, counted row by row within their images, or through all images where no views are given.
        views: (n,) int64, each pixel's camera; None: as the pixels count, whose images have one size. What there is
            not is not noticed.

    Returns:
        rays_o, rays_d: (n, 3) float32; rays_d are unit vectors, NaN where the search for a point's direction fails.
    """
    n, device = pixels.shape[0], pixels.device
    rays_o, rays_d = torch.empty(n, 3, device=device), torch.empty(n, 3, device=device)
    raster = (0, 0, size.contiguous()) if isinstance(size, Tensor) else (*size, pixels.new_empty(0, 2))
    views = pixels.new_empty(0) if views is None else views.contiguous()
    coefficients, fisheye = (K.new_empty(0), False) if lens is None else (lens.coefficients.reshape(-1), lens.fisheye)
    cameras = [c2w.contiguous(), K.contiguous(), coefficients, fisheye, *raster, _vector(axes), center]
    inputs = [*cameras, views, pixels.contiguous(), rays_o, rays_d]
    launch_runs(_camera_rays, (n,), _RUN, inputs, grain=_GRAIN)
    return rays_o, rays_d
