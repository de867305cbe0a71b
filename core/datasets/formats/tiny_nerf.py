"""Reads the .npz of the tiny NeRF notebook (Mildenhall et al. 2020): pictures and poses in one file.

`images` (n, height, width, 3 or 4) are floats from 0 to 1 or bytes, with straight alpha if any; `poses` (n, 4, 4) or
(n, 3, 4) are c2w in OpenGL axes, or in OpenCV's if the user says so; `focal` is one number, in pixels.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.config.read_options import ReadOptions
from core.datasets.dataset import Dataset, Format, Progress
from core.datasets.loading.assemble import assemble_dataset
from core.datasets.loading.downscale import box_filter
from core.datasets.loading.image_file import Header
from core.datasets.loading.images import reduced_size
from core.datasets.loading.memory import free_memory
from core.datasets.loading.shots import Shot, hold_out, intrinsics
from core.datasets.loading.transforms import parse_pose
from core.errors import DatasetError

SUFFIX = ".npz"
_LAYOUT = "images (n, height, width, 3 or 4), poses (n, 4, 4) and focal"

_TOLERANCE = 1e-3
"""Floats may exceed 0 and 1 by this much, as interpolation leaves them."""


class _Arrays(NamedTuple):
    """The arrays of a file, with `_LAYOUT`; poses may have 3 rows."""

    images: np.ndarray
    poses: np.ndarray
    focal: np.ndarray


def recognises(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX and os.path.isfile(path)


def read(path: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open a file that `recognises` accepts.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    progress(0.0, "reading the file")
    arrays = _read_arrays(path)
    _check(arrays, path)
    n, height, width, channels = arrays.images.shape
    K = intrinsics(float(arrays.focal.item()), float(arrays.focal.item()), 0.5 * width, 0.5 * height)
    shots = [
        Shot(f"{index:03d}", path, _pose(arrays.poses[index], f"{path}, pose {index}", reading), K, (width, height))
        for index in range(n)
    ]
    train, test, notes = hold_out(shots, "view")

    def pictures(
        some: list[Shot], headers: list[Header], with_alpha: bool, downscale: int, on_read: Callable[[], None]
    ) -> Tensor:
        size = reduced_size(header, downscale, path)
        reduced = np.empty((len(some), *size, channels), np.uint8)
        for image, shot in zip(reduced, some, strict=True):
            image[:] = box_filter(_bytes_of(arrays.images[int(shot.name)]), downscale)
            on_read()
        return torch.from_numpy(reduced)

    header = Header(width, height, channels == 4)
    return assemble_dataset(
        path, FORMAT.name, (train, test), {path: header}, path, reading, progress, notes, read=pictures
    )


FORMAT = Format(
    "tiny NeRF",
    f"an {SUFFIX} with images, poses and focal (tiny NeRF)",
    recognises,
    read,
    suffixes=(SUFFIX,),
    any_axes=True,
)


def _read_arrays(path: Path) -> _Arrays:
    expected = f"{path}: expected an archive of NumPy with {_LAYOUT}"
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in _Arrays._fields if name not in file]
            if missing:
                raise DatasetError(f"{expected}, found no {' and no '.join(missing)}: is this the right file?")
            needed, free = sum(info.file_size for info in file.zip.infolist()), free_memory()
            if free is not None and needed > free:
                raise DatasetError(
                    f"{path} needs {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: "
                    "close other programs, or save fewer or smaller images"
                )
            return _Arrays(*(file[name] for name in _Arrays._fields))
    except DatasetError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy's parser raise all sorts of errors for a broken file
        raise DatasetError(
            f"{expected}, found another file, a pickle or a damaged archive: save it again with numpy.savez"
        ) from error


def _check(arrays: _Arrays, path: Path) -> None:
    """Raise DatasetError unless the arrays have the layout, and the images' values are colours."""
    images, poses, focal = arrays
    expected = f"{path}: expected {_LAYOUT}"
    if images.ndim != 4 or images.shape[3] not in (3, 4) or 0 in images.shape:
        raise DatasetError(f"{expected}, found images {images.shape}: save them again in that order")
    if poses.shape not in ((len(images), 4, 4), (len(images), 3, 4)) or poses.dtype.kind not in "fiu":
        raise DatasetError(
            f"{expected}, found {len(images)} images and poses {poses.shape} of {poses.dtype}: correct them"
        )
    if focal.size != 1 or focal.dtype.kind not in "fiu":
        raise DatasetError(f"{expected} as one number, found {focal.shape} of {focal.dtype}: save one, in pixels")
    if images.dtype == np.uint8:
        return
    colours = f"{path}: expected images as floats from 0 to 1 or as uint8"
    if images.dtype.kind != "f":
        raise DatasetError(f"{colours}, found {images.dtype}: convert them")
    low, high = float(images.min()), float(images.max())
    if not (low >= -_TOLERANCE and high <= 1.0 + _TOLERANCE):
        raise DatasetError(f"{colours}, found floats from {low:g} to {high:g}: bring them to 0..1")


def _pose(matrix: np.ndarray, where: str, reading: ReadOptions) -> np.ndarray:
    bottom = [[0.0, 0.0, 0.0, 1.0]][: 4 - len(matrix)]
    return parse_pose(np.concatenate([matrix, np.reshape(bottom, (-1, 4))]), where, "a pose", reading.axes)


def _bytes_of(image: np.ndarray) -> np.ndarray:
    """A picture (height, width, channels) as uint8."""
    return image if image.dtype == np.uint8 else (image.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
