"""Distances in a new file, with the camera that they are seen from, in the dataset's own units and axes."""

from pathlib import Path

import numpy as np

from core.files import new_file
from core.geometry.cameras import pinhole_matrix
from viewer.picture.pixels import PixelArrays
from viewer.protocol.requests import ViewRequest
from viewer.protocol.view_settings import Mode

SUFFIXES = (".npy", ".npz")


def distances(output: PixelArrays, mode: Mode) -> np.ndarray:
    """Distances along each pixel's ray, (height, width) float32, inf where it hit nothing: the mean over what it hit,
    or in the mode half depth where half the light is left."""
    return np.asarray(output.median_depths if mode is Mode.HALF_DEPTH else output.depths, np.float32)


def write_depths(path: Path, output: PixelArrays, request: ViewRequest) -> None:
    """Write the distances of a request's view. A .npy has them alone; a .npz has `depths`, `opacities` (height,
    width), and the camera: `c2w` (4, 4), OpenGL axes, and `K` (3, 3) in pixels.

    Raises:
        FirstlightError: the file can't be written.
    """
    depths = distances(output, request.view.mode)
    K = pinhole_matrix(request.pose.fov_y, request.width, request.height).numpy()
    c2w = np.asarray(request.pose.c2w, np.float32).reshape(4, 4)
    with new_file(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, depths)
        else:
            np.savez_compressed(file, depths=depths, opacities=output.opacities, c2w=c2w, K=K)
