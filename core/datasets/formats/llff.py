"""Reads LLFF's `poses_bounds.npy` (Mildenhall et al. 2019): forward-facing photos and the depth range that each shows.

A row holds a 3x5 matrix, the pose [down, right, back | position] and a column with height, width and focal length of
the full-size pictures, then the nearest and farthest depth. Rows belong to the pictures in the order of their names.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.config.read_options import ReadOptions
from core.datasets.dataset import Dataset, Format, Progress
from core.datasets.loading.assemble import assemble_dataset, multiply_downscale, read_posed_headers
from core.datasets.loading.shots import Shot, hold_out, image_folder, intrinsics, list_pictures
from core.datasets.loading.transforms import parse_pose
from core.errors import DatasetError

FILE = "poses_bounds.npy"

_MOST_BYTES = 1 << 26


class _Row(NamedTuple):
    c2w: np.ndarray
    height: float
    width: float
    focal: float
    near: float
    far: float


def recognises(folder: Path) -> bool:
    return os.path.isfile(folder / FILE)


def read(folder: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open a folder that `recognises` accepts; pictures that are stored reduced are used where they suffice.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    path = folder / FILE
    progress(0.0, "reading poses")
    rows = _read_rows(path)
    inside, stored, downscale, notes = image_folder(folder, reading.downscale)
    pictures = list_pictures(inside)
    if not pictures:
        raise DatasetError(
            f"{inside}: expected the pictures of {FILE} there or in images, images_2, images_4 or images_8, found "
            "none: put them there"
        )
    if len(pictures) != len(rows):
        raise DatasetError(
            f"{path} has {len(rows)} poses: expected as many images, found {len(pictures)} in {inside}; "
            "restore the missing ones or compute the poses again"
        )
    headers, turned = read_posed_headers(
        ((picture, (row.width, row.height)) for picture, row in zip(pictures, rows, strict=True)), path
    )
    shots = [
        Shot(
            picture.name,
            picture,
            row.c2w,
            intrinsics(row.focal, row.focal, 0.5 * row.width, 0.5 * row.height),
            (row.width, row.height),
        )
        for picture, row in zip(pictures, rows, strict=True)
    ]
    train, test, note = hold_out(shots, "view")
    notes += turned + note
    depths = min(row.near for row in rows), max(row.far for row in rows)
    reading = replace(reading, downscale=downscale)
    dataset = assemble_dataset(
        folder, FORMAT.name, (train, test), headers, path, reading, progress, notes, lambda cameras: depths
    )
    return multiply_downscale(dataset, stored)


FORMAT = Format("LLFF", f"a folder with {FILE} (LLFF)", recognises, read, FILE)


def _read_rows(path: Path) -> list[_Row]:
    expected = f"{path}: expected an array of 17 numbers a view"
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise DatasetError(f"{expected}, found {os.path.getsize(path):,} bytes: is this the right file?")
        table = np.load(path, allow_pickle=False)
        table = np.asarray(table, dtype=np.float64)
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise DatasetError(f"{expected}, found something else ({str(error).splitlines()[0]}): replace it") from error
    if table.ndim != 2 or table.shape[1] != 17 or not len(table):
        raise DatasetError(f"{expected}, found {'x'.join(map(str, table.shape)) or 'one number'}: compute it again")
    return [_row(values, f"{path}, view {index}") for index, values in enumerate(table)]


def _row(values: np.ndarray, where: str) -> _Row:
    matrix = values[:15].reshape(3, 5)
    down, right, back, position, (height, width, focal) = matrix.T
    pose = np.vstack([np.stack([right, -down, back, position], axis=1), [0.0, 0.0, 0.0, 1.0]])
    near, far = values[15:]
    if not 0.0 < near < far < np.inf:
        raise DatasetError(
            f"{where}: expected depths 0 < near < far, found {near:g} and {far:g}: compute the poses again"
        )
    return _Row(parse_pose(pose, where, "a pose"), height, width, focal, near, far)
