"""Reads models of COLMAP (Schönberger and Frahm 2016), binary or text, with their pictures beside them.

The model is in `sparse/0`, in `sparse` or in the folder itself; the pictures are in `images`, `images_2`, `images_4` or
`images_8` (the layout of mip-NeRF 360 and of 3D Gaussian splatting) or in the folder itself.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.config.read_options import ReadOptions
from core.datasets.bounds.scene_bounds import known_depths
from core.datasets.dataset import Dataset, Format, Progress
from core.datasets.loading.assemble import assemble_dataset, multiply_downscale, read_posed_headers
from core.datasets.loading.colmap_files import check_files
from core.datasets.loading.image_file import Header
from core.datasets.loading.shots import Shot, hold_out, image_folder, intrinsics, keep_existing
from core.datasets.loading.transforms import parse_pose
from core.errors import DatasetError
from core.geometry.lenses import COEFFICIENTS

_MODEL_FOLDERS = ("sparse/0", "sparse", ".", "colmap/sparse/0")

_LENSES: dict[str, tuple[str, ...]] = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "SIMPLE_RADIAL_FISHEYE": ("f", "cx", "cy", "k1"),
    "RADIAL_FISHEYE": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV_FISHEYE": ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"),
}
"""The parameters of each supported camera model, in COLMAP's order."""

_FEWEST_SIGHTINGS = 3
"""Pictures that must show a point for it to count as part of the scene."""


class _Model(NamedTuple):
    """The model's shots, points (n, 3) float32 and their colours (n, 3) uint8."""

    shots: list[Shot]
    points: Tensor
    colors: Tensor


def recognises(folder: Path) -> bool:
    return _find_model(folder) is not None


def read(folder: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open a folder that `recognises` accepts.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    where = _find_model(folder)
    if where is None:
        raise DatasetError(f"{folder}: expected a model of COLMAP, found none: was it moved while it was opened?")
    pictures, stored, downscale, notes = image_folder(folder, reading.downscale)
    reading = replace(reading, downscale=downscale)
    dataset = dataset_of(folder, where, pictures, reading, progress, FORMAT.name, notes)
    return multiply_downscale(dataset, stored)


def dataset_of(
    opened: Path,
    where: Path,
    pictures: Path,
    reading: ReadOptions,
    progress: Progress,
    format_name: str,
    notes: tuple[str, ...] = (),
    headers: Mapping[Path, Header] | None = None,
) -> Dataset:
    """The dataset of a model.

    Args:
        opened: the folder or file that was opened.
        where: the model's own folder.
        pictures: the folder that its pictures' names are relative to.
        reading: its downscale applies to the pictures as they are stored.
        notes: the notes so far.
        headers: the pictures' headers, if they are read already.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    progress(0.0, f"reading {where}")
    model = _read_model(where, pictures, reading.allow_outside)
    shots, missing = keep_existing(model.shots, where)
    if headers is None:
        headers, turned = read_posed_headers(((shot.path, shot.size) for shot in shots), where)
        notes += turned
    train, test, note = hold_out(shots, "view")
    notes += missing + note
    depths = partial(known_depths, points=model.points)
    dataset = assemble_dataset(opened, format_name, (train, test), headers, where, reading, progress, notes, depths)
    return replace(dataset, points=model.points, point_colors=model.colors) if len(model.points) else dataset


FORMAT = Format("COLMAP", "a folder with sparse/0/cameras.bin or .txt (COLMAP)", recognises, read)


def _find_model(folder: Path) -> Path | None:
    for inside in _MODEL_FOLDERS:
        where = Path(os.path.normpath(folder / inside))
        if any(os.path.isfile(where / f"{name}.{kind}") for name in ("cameras", "points3D") for kind in ("bin", "txt")):
            return where
    return None


def _read_model(where: Path, pictures: Path, allow_outside: bool) -> _Model:
    try:
        import pycolmap
    except ImportError as error:
        raise DatasetError(
            f"{where}: reading COLMAP's models needs pycolmap, which isn't installed: see doctor"
        ) from error
    pycolmap.logging.minloglevel = 3  # the error below says what it would print
    check_files(where)
    try:
        model = pycolmap.Reconstruction(where)
        shots = [_shot(image, pictures, where, allow_outside) for image in model.images.values() if image.has_pose]
        points = [point for _, point in sorted(model.points3D.items()) if point.track.length() >= _FEWEST_SIGHTINGS]
        cloud = np.asarray([point.xyz for point in points], np.float64).reshape(-1, 3)
        colors = np.asarray([point.color for point in points], np.uint8).reshape(-1, 3)
    except DatasetError:
        raise
    except Exception as error:  # it passes on whatever its C++ throws
        raise _model_error(where, " ".join(str(error).split())) from error
    if not shots:
        raise DatasetError(f"{where}: expected pictures with poses, found none: let COLMAP map the pictures again")
    sound = (np.abs(cloud) < 1e12).all(1)
    return _Model(shots, torch.from_numpy(cloud[sound].astype(np.float32)), torch.from_numpy(colors[sound]))


def _model_error(where: Path, found: str) -> DatasetError:
    return DatasetError(f"{where}: expected a model of COLMAP, found a broken one ({found:.160}): export it again")


def _shot(image, pictures: Path, where: Path, allow_outside: bool) -> Shot:
    """One of pycolmap's images as ours."""
    camera = image.camera
    kind = camera.model.name
    if kind not in _LENSES:
        raise DatasetError(
            f"{where} ({image.name}): expected a camera model among {', '.join(_LENSES)}, found {kind}: "
            "undistort the pictures with COLMAP"
        )
    given = dict(zip(_LENSES[kind], (float(x) for x in camera.params), strict=True))
    fx, fy = (given["f"], given["f"]) if "f" in given else (given["fx"], given["fy"])
    path = Path(os.path.normpath(pictures / image.name))
    if not (allow_outside or path.is_relative_to(pictures)):
        raise DatasetError(
            f"{where}: expected pictures inside {pictures}, found {image.name!r}: correct its name, "
            "or give --allow-outside"
        )
    w2c = np.vstack([image.cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])
    if not (np.abs(w2c) < 1e12).all() or abs(np.linalg.det(w2c)) < 1e-6:
        raise DatasetError(f"{where} ({image.name}): expected a finite pose, found none: map the pictures again")
    distortion = tuple(given.get(name, 0.0) for name in COEFFICIENTS)
    return Shot(
        image.name,
        path,
        parse_pose(np.linalg.inv(w2c), f"{where} ({image.name})", "a pose", "opencv"),
        intrinsics(fx, fy, given["cx"], given["cy"]),
        (camera.width, camera.height),
        distortion,
        kind.endswith("FISHEYE"),
    )
