"""Generates rays through pixels of cameras: through a training batch's, or through those of a whole picture."""

from functools import cache

import torch
import warp as wp
from torch import Tensor

from core.geometry.cameras import IMAGE_AXES, PIXEL_CENTER, Camera, rays_through
from core.geometry.lenses import NEWTON_STEPS, Lens
from core.geometry.panorama import Panorama, panorama_rays
from core.geometry.rays import Rays
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Bool, Float, Floats, Int, LongInts, Mat33s, Mat44s, Vec3, Vec3s

wp.set_module_options({"fuse_fp": False})  # or Newton's method diverges from torch's twin, see cpp/lenses.h

_RUN = 256
"""Pixels in a run: a thread of the CPU takes them one after the other, sixteen at a time."""

_GRAIN = 16
"""Runs that justify one more thread."""


def rays_of_pixels(camera: Camera, pixels: Tensor, views: Tensor | None = None) -> Rays:
    """Rays through the centres of pixels (n,) int64.

    Args:
        camera: one, or a batch.
        pixels: indices that count row by row, within each pixel's image, or through all images of a batch if there are
            no `views`.
        views: (n,) int64, each pixel's camera in a batch; None: `pixels` imply it, if all images have one size.

    Raises:
        ValueError: the images have several sizes, and no views are given.
    """
    if views is None and camera.sizes is not None:
        raise ValueError("pixels of images of several sizes need their views, got none: pass `views`")
    if camera.K.dtype == torch.float32:  # always so in training and viewing
        c2w, K, lens = camera.c2w.view(-1, 4, 4), camera.K.view(-1, 3, 3), camera.lens
        size = (camera.width, camera.height) if camera.sizes is None else camera.sizes
        rays_o, rays_d = camera_rays(c2w, K, lens, size, pixels, views)
        if camera.times is None:
            return Rays(rays_o, rays_d)
        if views is None:
            views = pixels // (camera.width * camera.height)
        return Rays(rays_o, rays_d, camera.times.view(-1)[views])
    if views is None and camera.c2w.ndim == 3:
        views, pixels = pixels // (camera.width * camera.height), pixels % (camera.width * camera.height)
    if views is not None:
        camera = camera[views]
    width = camera.width if camera.sizes is None else camera.sizes[:, 0]
    return rays_through(camera, pixels % width + PIXEL_CENTER, pixels // width + PIXEL_CENTER)


def generate_rays(camera: Camera | Panorama, first: int = 0, last: int | None = None) -> Rays:
    """Rays through the pixel centres of one camera, row by row: all height * width of them, or those of a range."""
    n_pixels = camera.width * camera.height
    pixels = torch.arange(first, n_pixels if last is None else min(last, n_pixels), device=camera.c2w.device)
    if isinstance(camera, Panorama):
        return panorama_rays(camera, pixels)
    return rays_of_pixels(camera, pixels)


@cpp_kernel("rays.h", f"camera_rays<{NEWTON_STEPS}>", run_over="pixels")
def _camera_rays(
    first: Int,
    last: Int,
    c2w: Mat44s,
    K: Mat33s,
    coefficients: Floats,
    fisheye: Bool,
    width: Int,
    height: Int,
    sizes: LongInts,
    axes: Vec3,
    center: Float,
    views: LongInts,
    pixels: LongInts,
    rays_o: Vec3s,
    rays_d: Vec3s,
): ...


@cache
def _image_axes() -> wp.vec3f:
    return wp.vec3f(*IMAGE_AXES)


@replaceable("camera_rays")
def camera_rays(
    c2w: Tensor,
    K: Tensor,
    lens: Lens | None,
    size: tuple[int, int] | Tensor,
    pixels: Tensor,
    views: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rays through pixels of cameras.

    Args:
        c2w, K: (n_views, 4, 4) and (n_views, 3, 3) float32, cameras to world and intrinsics in pixels.
        lens: coefficients (n_views, 8) float32 of a distortion that is undone as in `core.geometry.lenses.straighten`;
            None: pinholes.
        size: width and height of all images, or of each one, (n_views, 2) int64.
        pixels, views: as in `rays_of_pixels`. Indices are not checked.

    Returns:
        rays_o, rays_d: (n, 3) float32; rays_d are unit vectors; NaN where Newton's method fails.
    """
    n, device = pixels.shape[0], pixels.device
    rays_o, rays_d = torch.empty(n, 3, device=device), torch.empty(n, 3, device=device)
    raster = (0, 0, size.reshape(-1)) if isinstance(size, Tensor) else (*size, pixels.new_empty(0))
    views = pixels.new_empty(0) if views is None else views.contiguous()
    coefficients, fisheye = (K.new_empty(0), False) if lens is None else (lens.coefficients.reshape(-1), lens.fisheye)
    cameras = [c2w.contiguous(), K.contiguous(), coefficients, fisheye, *raster, _image_axes(), PIXEL_CENTER]
    inputs = [*cameras, views, pixels.contiguous(), rays_o, rays_d]
    launch_runs(_camera_rays, (n,), _RUN, inputs, grain=_GRAIN)
    return rays_o, rays_d
