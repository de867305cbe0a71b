"""Rays through the pixels of cameras: of a training batch's pixels, or of a whole picture."""

import torch
from torch import Tensor

from core.geometry.cameras import IMAGE_AXES, PIXEL_CENTER, Camera, rays_through
from core.geometry.rays import Rays
from core.kernels.pixels import camera_rays


def rays_of_pixels(camera: Camera, pixels: Tensor, views: Tensor | None = None) -> Rays:
    """Rays through the centres of pixels (n,) int64.

    Args:
        camera: one, or a batch.
        pixels: counted row by row within their images, or through all images of a batch where no views are given.
        views: (n,) int64, which camera of a batch each pixel is of; None: as the pixels count, which takes images of
            one size.

    Raises:
        ValueError: the images have several sizes, and no views are given.
    """
    if views is None and camera.sizes is not None:
        raise ValueError("pixels of images of several sizes are of a view each, got none: give `views`")
    if camera.K.dtype == torch.float32:  # of every step and every picture
        c2w, K, lens = camera.c2w.view(-1, 4, 4), camera.K.view(-1, 3, 3), camera.lens
        size = (camera.width, camera.height) if camera.sizes is None else camera.sizes
        rays_o, rays_d = camera_rays(c2w, K, lens, size, IMAGE_AXES, PIXEL_CENTER, pixels, views)
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


def generate_rays(camera: Camera, first: int = 0, last: int | None = None) -> Rays:
    """Rays through the pixel centres of one camera, row by row: all height * width of them, or those of a range."""
    n_pixels = camera.width * camera.height
    pixels = torch.arange(first, n_pixels if last is None else min(last, n_pixels), device=camera.c2w.device)
    return rays_of_pixels(camera, pixels)
