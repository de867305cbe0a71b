"""Reads NeRF-synthetic's format: `transforms_train.json`, `_test.json`, `_val.json` and RGBA pictures beside them.
D-NeRF's format is the same with a `time` in each frame.

Only the training split is trained on. The test views are the test split; without one the validation split; without
either every 8th training view, which is then held out. (Mildenhall et al. 2020; "every 8th" is LLFF's convention.)
"""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from core.config.read_options import ReadOptions
from core.config.types import Box
from core.datasets.bounds.hull import find_box
from core.datasets.dataset import Dataset, Format, Progress, Views
from core.datasets.loading.assemble import (
    READING_SHARE,
    check_view_count,
    choose_downscale,
    count_progress,
    normalize_times,
    read_posed_headers,
    read_views,
)
from core.datasets.loading.image_file import Header
from core.datasets.loading.shots import VALIDATION_SERVES, Shot, hold_out, intrinsics
from core.datasets.loading.transforms import FrameRecord, camera_angle_x, read_frames, read_transforms, scene_box
from core.errors import DatasetError

TRAIN_FILE, TEST_FILE, VAL_FILE = "transforms_train.json", "transforms_test.json", "transforms_val.json"
DEFAULT_BOX: Box = (-1.5, -1.5, -1.5, 1.5, 1.5, 1.5)
"""The bounds of the NeRF-synthetic scenes, used where none are given or found."""


class _Split(NamedTuple):
    """Shots, the headers of their pictures, and notes."""

    shots: list[Shot]
    headers: dict[Path, Header]
    notes: tuple[str, ...]


def recognises(folder: Path) -> bool:
    return os.path.isfile(folder / TRAIN_FILE)


def read(folder: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open a folder that `recognises` accepts.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    path = folder / TRAIN_FILE
    transforms = read_transforms(path)
    box = scene_box(transforms, path)
    progress(0.0, "reading poses")
    train, test, notes = _split_views(folder, _read_split(path, reading), reading)
    check_view_count(train.shots, path)
    if test.shots and (train.shots[0].time is None) != (test.shots[0].time is None):
        raise DatasetError(
            f"{folder}: expected a time in each frame of all splits or in none, found times in one split only: "
            "add the others' or remove them"
        )
    train_shots, test_shots, when = normalize_times(train.shots, test.shots)
    train, test = train._replace(shots=train_shots), test._replace(shots=test_shots)
    shared = {shot.path for shot in train.shots} & {shot.path for shot in test.shots}
    if shared:
        notes += (f"{len(shared)} of the test views are training views too: their figures are not held out.",)
    headers = train.headers | test.headers
    downscale, fitted = choose_downscale((train.shots, test.shots), headers, reading.downscale)
    on_read = count_progress(progress, len(train.shots) + len(test.shots))
    (train_views, cut_off), (test_views, test_cut_off) = (
        read_views(split.shots, split.headers, path, downscale, on_read) for split in (train, test)
    )
    notes += (*fitted, *dict.fromkeys((*train.notes, *test.notes, *cut_off, *test_cut_off)), *when)
    if box is None:
        progress(READING_SHARE, "finding the scene's bounds")
        box, note = _bounds(train_views)
        notes += note
    progress(1.0, "")
    reading = replace(reading, downscale=downscale)
    return Dataset(folder.name, folder, FORMAT.name, train_views, test_views, box, notes, reading)


FORMAT = Format(
    "Blender", f"a folder with {TRAIN_FILE} (Blender, NeRF-synthetic)", recognises, read, TRAIN_FILE, any_axes=True
)


def _read_split(path: Path, reading: ReadOptions) -> _Split:
    transforms = read_transforms(path)
    angle = camera_angle_x(transforms, path)
    frames = read_frames(transforms, path, reading)
    headers, notes = read_posed_headers(((frame.path, None) for frame in frames), path)
    return _Split([_shot(frame, headers[frame.path], angle) for frame in frames], headers, notes)


def _shot(frame: FrameRecord, header: Header, angle: float) -> Shot:
    width, height = header.size
    focal = 0.5 * width / math.tan(0.5 * angle)
    K = intrinsics(focal, focal, 0.5 * width, 0.5 * height)
    return Shot(frame.name, frame.path, frame.c2w, K, header.size, time=frame.time)


def _split_views(folder: Path, train: _Split, reading: ReadOptions) -> tuple[_Split, _Split, tuple[str, ...]]:
    """Training and test views, and a note where the dataset doesn't name test views."""
    if os.path.isfile(folder / TEST_FILE):
        return train, _read_split(folder / TEST_FILE, reading), ()
    if os.path.isfile(folder / VAL_FILE):
        return train, _read_split(folder / VAL_FILE, reading), (VALIDATION_SERVES,)
    kept, held_out, notes = hold_out(train.shots, "training view")
    return train._replace(shots=kept), train._replace(shots=held_out), notes


def _bounds(train: Views) -> tuple[Box, tuple[str, ...]]:
    """The object's bounds from its silhouettes, or else the default ones and a note that says why."""
    assumed = (
        f"so the scene is assumed to lie within {DEFAULT_BOX[0]:g} .. {DEFAULT_BOX[3]:g}; "
        f'"aabb": [x0, y0, z0, x1, y1, z1] in {TRAIN_FILE} sets other bounds.'
    )
    if train.moves:
        return DEFAULT_BOX, (f"Silhouettes of different times may be of different shapes, {assumed}",)
    if not train.has_alpha:
        return DEFAULT_BOX, (f"The images have no alpha, {assumed}",)
    if not train.has_silhouettes:
        return DEFAULT_BOX, (f"The images' alpha is opaque everywhere, {assumed}",)
    box = find_box(train)
    if box is None:
        return DEFAULT_BOX, (f"The images' alphas and poses agree on no object, {assumed}",)
    return box, ()
