"""Pixels of posed images: the rays through them, and what the images have there.

Each is a step's draw or a view's slice in one pass, where torch's operations would read and write it a dozen times.
"""

from functools import cache

import torch
import warp as wp
from torch import Tensor

from core.kernels.launch import launch
from core.kernels.rays_code import RAYS_CODE
from core.lenses import Lens

wp.set_module_options({"fuse_fp": False})  # or rays through lenses end elsewhere than torch's, see `rays_code`

_RUN = 256
"""Pixels that a thread of the CPU takes one after the other, sixteen at a time."""

_GRAIN = 32
"""Runs that are worth a thread."""

# Warp counts an array's elements in 32 bits, and large datasets have more bytes.
_LOOK_UP = """
    const unsigned char* at = images.data + n_channels * (firsts.data[views.data[i]] + pixels.data[i]);
    float* rgb = rgbs.data + 3 * (size_t)i;
    for (int channel = 0; channel < 3; ++channel)
        rgb[channel] = (float)at[channel] / 255.0f;
    alphas.data[i] = n_channels == 4 ? (float)at[3] / 255.0f : 1.0f;
"""


@wp.func_native(_LOOK_UP)
def look_up_one(
    i: wp.int32,
    images: wp.array(dtype=wp.uint8),
    n_channels: wp.int32,
    firsts: wp.array(dtype=wp.int64),
    views: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int64),
    rgbs: wp.array(dtype=wp.float32),
    alphas: wp.array(dtype=wp.float32),
): ...


@wp.kernel
def _look_up(
    offset: wp.int32,
    images: wp.array(dtype=wp.uint8),
    n_channels: wp.int32,
    firsts: wp.array(dtype=wp.int64),
    views: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int64),
    rgbs: wp.array(dtype=wp.float32),
    alphas: wp.array(dtype=wp.float32),
):
    look_up_one(wp.tid() + offset, images, n_channels, firsts, views, pixels, rgbs, alphas)


def look_up(images: Tensor, firsts: Tensor, views: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What images have at pixels.

    Args:
        images: (..., 3 or 4) uint8, contiguous: the pixels of all images, one image after the other, row by row.
        firsts: (n_views,) int64, how many pixels lie before each image.
        views, pixels: (n,) int64, which image, and which of its pixels, counted row by row. What an image does not have
            is not noticed.

    Returns:
        rgbs (n, 3), alphas (n, 1): float32 in [0, 1]; without a fourth channel the alpha is 1.
    """
    n, n_channels = pixels.shape[0], images.shape[-1]
    rgbs, alphas = torch.empty(n, 3, device=pixels.device), torch.empty(n, 1, device=pixels.device)
    start = images.view(-1)[:n_channels]  # a length that fits 32 bits; only the address matters
    launch(
        _look_up,
        (n,),
        [start, n_channels, firsts, views.contiguous(), pixels.contiguous(), rgbs.view(-1), alphas.view(-1)],
    )
    return rgbs, alphas


@wp.func_native(RAYS_CODE)
def write_rays_of(
    first: wp.int32,
    last: wp.int32,
    c2w: wp.array(dtype=wp.mat44f),
    K: wp.array(dtype=wp.mat33f),
    coefficients: wp.array(dtype=wp.float32),
    fisheye: wp.bool,
    width: wp.int32,
    sizes: wp.array2d(dtype=wp.int64),
    axes: wp.vec3f,
    center: wp.float32,
    views: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int64),
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
): ...


@wp.kernel
def _camera_rays(
    offset: wp.int32,
    run: wp.int32,
    c2w: wp.array(dtype=wp.mat44f),
    K: wp.array(dtype=wp.mat33f),
    coefficients: wp.array(dtype=wp.float32),
    fisheye: wp.bool,
    width: wp.int32,
    sizes: wp.array2d(dtype=wp.int64),
    axes: wp.vec3f,
    center: wp.float32,
    views: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int64),
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
):
    first = (wp.tid() + offset) * run
    last = wp.min(first + run, pixels.shape[0])
    write_rays_of(first, last, c2w, K, coefficients, fisheye, width, sizes, axes, center, views, pixels, rays_o, rays_d)


@cache
def _vector(values: tuple[float, ...]) -> wp.vec3f:
    return wp.vec3f(*values)


def camera_rays(
    c2w: Tensor,
    K: Tensor,
    lens: Lens | None,
    size: int | Tensor,
    axes: tuple[float, float, float],
    center: float,
    pixels: Tensor,
    views: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rays through pixels of cameras.

    Args:
        c2w, K: (n_views, 4, 4) and (n_views, 3, 3) float32, cameras to world and intrinsics in pixels.
        lens: theirs, its coefficients (n_views, 8) float32, undone as `core.lenses.straighten` does; None: pinholes.
        size: the images' width, or each one's width and height, (n_views, 2) int64.
        axes: what one step to the right, down and ahead in the image is on the camera's x, y and z axis.
        center: where a pixel's centre lies between its first and its last border.
        pixels: (n,) int64, counted row by row.
        views: (n,) int64, each pixel's camera; None: the only one. What there is not is not noticed.

    Returns:
        rays_o, rays_d: (n, 3) float32; rays_d are unit vectors, NaN where the search for a point's direction fails.
    """
    n, device = pixels.shape[0], pixels.device
    rays_o, rays_d = torch.empty(n, 3, device=device), torch.empty(n, 3, device=device)
    width, sizes = (size, pixels.new_empty(0, 2)) if isinstance(size, int) else (0, size.contiguous())
    views = pixels.new_empty(0) if views is None else views.contiguous()
    coefficients, fisheye = (K.new_empty(0), False) if lens is None else (lens.coefficients.reshape(-1), lens.fisheye)
    cameras = [c2w.contiguous(), K.contiguous(), coefficients, fisheye, width, sizes, _vector(axes), center]
    run = _RUN if device.type == "cpu" else 1
    inputs = [run, *cameras, views, pixels.contiguous(), rays_o, rays_d]
    launch(_camera_rays, (-(-n // run),), inputs, grain=_GRAIN)
    return rays_o, rays_d
