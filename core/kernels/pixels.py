"""Pixels of posed images: the rays through them, and what the images have there.

Each is a step's draw or a view's slice in one pass, where torch's operations would read and write it a dozen times.
"""

from functools import cache

import torch
import warp as wp
from torch import Tensor

from core.kernels.launch import launch

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


@wp.kernel
def _rays_of_pixels(
    offset: wp.int32,
    c2w: wp.array(dtype=wp.mat44f),
    K: wp.array(dtype=wp.mat33f),
    width: wp.int32,
    sizes: wp.array2d(dtype=wp.int64),
    axes: wp.vec3f,
    center: wp.float32,
    views: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int64),
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
):
    i = wp.tid() + offset
    view = wp.int32(0)
    if views.shape[0] > 0:
        view = wp.int32(views[i])
    n_columns = width
    if sizes.shape[0] > 0:
        n_columns = wp.int32(sizes[view, 0])
    pixel = wp.int32(pixels[i])  # one image has fewer than 2^31, and numbers of 32 bits are divided faster
    row = pixel / n_columns
    pose = c2w[view]
    k = K[view]
    x = axes[0] * ((wp.float32(pixel - row * n_columns) + center - k[0, 2]) / k[0, 0])
    y = axes[1] * ((wp.float32(row) + center - k[1, 2]) / k[1, 1])
    z = axes[2]
    rotated = wp.vec3f(
        pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z,
        pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z,
        pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z,
    )
    rays_o[i] = wp.vec3f(pose[0, 3], pose[1, 3], pose[2, 3])
    rays_d[i] = rotated / wp.length(rotated)


@cache
def _vector(values: tuple[float, ...]) -> wp.vec3f:
    return wp.vec3f(*values)


def pinhole_rays(
    c2w: Tensor,
    K: Tensor,
    size: int | Tensor,
    axes: tuple[float, float, float],
    center: float,
    pixels: Tensor,
    views: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rays through pixels of pinhole cameras.

    Args:
        c2w, K: (n_views, 4, 4) and (n_views, 3, 3) float32, cameras to world and intrinsics in pixels.
        size: the images' width, or each one's width and height, (n_views, 2) int64.
        axes: what one step to the right, down and ahead in the image is on the camera's x, y and z axis.
        center: where a pixel's centre lies between its first and its last border.
        pixels: (n,) int64, counted row by row.
        views: (n,) int64, each pixel's camera; None: the only one. What there is not is not noticed.

    Returns:
        rays_o, rays_d: (n, 3) float32; rays_d are unit vectors.
    """
    n, device = pixels.shape[0], pixels.device
    rays_o, rays_d = torch.empty(n, 3, device=device), torch.empty(n, 3, device=device)
    width, sizes = (size, pixels.new_empty(0, 2)) if isinstance(size, int) else (0, size)
    views = pixels.new_empty(0) if views is None else views
    launch(
        _rays_of_pixels,
        (n,),
        [c2w.contiguous(), K.contiguous(), width, sizes, _vector(axes), center, views, pixels, rays_o, rays_d],
    )
    return rays_o, rays_d
