"""Reads NeRF-synthetic's format: `transforms_train.json`, `_test.json`, `_val.json` and RGBA pictures beside them.

Training uses the training split only. Held-out figures come from the test split; without one from the validation
split; without that from every 8th training view, which is then not trained on. (Mildenhall et al. 2020; the
"every 8th" is LLFF's.)
"""

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from core.cameras import Camera
from core.datasets.base import Dataset, Format, Progress, Views
from core.datasets.hull import find_box
from core.datasets.images import Header, common_header, read_images
from core.datasets.transforms import Frame, camera_angle_x, read_frames, read_transforms, scene_box
from core.errors import DatasetError
from core.settings import Box

TRAIN_FILE, TEST_FILE, VAL_FILE = "transforms_train.json", "transforms_test.json", "transforms_val.json"
HOLD_OUT_EVERY = 8
DEFAULT_BOX: Box = (-1.5, -1.5, -1.5, 1.5, 1.5, 1.5)
"""The bounds of the NeRF-synthetic scenes, used where nothing tells better ones."""

_MIN_TRAIN_VIEWS = 2
_READING_SHARE = 0.9


class _Split(NamedTuple):
    frames: list[Frame]
    header: Header
    angle: float


def recognises(folder: Path) -> bool:
    return os.path.isfile(folder / TRAIN_FILE)


def read(folder: Path, downscale: int, progress: Progress) -> Dataset:
    """Open a folder that `recognises` holds.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    path = folder / TRAIN_FILE
    transforms = read_transforms(path)
    box = scene_box(transforms, path)
    progress(0.0, "reading poses")
    train, test, notes = _split_views(folder, _read_split(path))
    if len(train.frames) < _MIN_TRAIN_VIEWS:
        raise DatasetError(
            f"{path}: expected at least {_MIN_TRAIN_VIEWS} training views, found {len(train.frames)}: add views"
        )
    notes += _notes_on(train, test, downscale)
    total, done = len(train.frames) + len(test.frames), 0

    def on_read() -> None:
        nonlocal done
        done += 1
        progress(_READING_SHARE * done / total, f"reading image {done} of {total}")

    train_views, test_views = (_read_views(split, downscale, on_read) for split in (train, test))
    if box is None:
        progress(_READING_SHARE, "finding the scene's bounds")
        box, note = _bounds(train_views)
        notes += note
    progress(1.0, "")
    return Dataset(folder.name, folder, FORMAT.name, train_views, test_views, box, notes)


FORMAT = Format("Blender", f"a folder with {TRAIN_FILE} (Blender, NeRF-synthetic)", recognises, read)


def _read_split(path: Path) -> _Split:
    transforms = read_transforms(path)
    angle = camera_angle_x(transforms, path)
    frames = read_frames(transforms, path)
    return _Split(frames, common_header([frame.path for frame in frames], path), angle)


def _split_views(folder: Path, train: _Split) -> tuple[_Split, _Split, tuple[str, ...]]:
    """Training and test views, and a note where the dataset doesn't say which are the latter."""
    if os.path.isfile(folder / TEST_FILE):
        return train, _read_split(folder / TEST_FILE), ()
    if os.path.isfile(folder / VAL_FILE):
        return train, _read_split(folder / VAL_FILE), ("There is no test split: the validation split serves as one.",)
    held_out = train.frames[::HOLD_OUT_EVERY]
    kept = [frame for index, frame in enumerate(train.frames) if index % HOLD_OUT_EVERY]
    note = (
        f"There is no test split: every {HOLD_OUT_EVERY}th training view, {len(held_out)} of {len(train.frames)}, "
        "is held out and not trained on."
    )
    return train._replace(frames=kept), train._replace(frames=held_out), (note,)


def _notes_on(train: _Split, test: _Split, downscale: int) -> tuple[str, ...]:
    notes = []
    for width, height in dict.fromkeys((split.header.width, split.header.height) for split in (train, test)):
        if width % downscale or height % downscale:
            notes.append(
                f"{width}x{height} pixels can't be divided by {downscale}: {width % downscale} columns at the right "
                f"and {height % downscale} rows at the bottom are left out."
            )
    shared = {frame.path for frame in train.frames} & {frame.path for frame in test.frames}
    if shared:
        notes.append(f"{len(shared)} of the test views are training views too: their figures are not held out.")
    return tuple(notes)


def _read_views(split: _Split, downscale: int, on_read) -> Views:
    images = read_images([frame.path for frame in split.frames], split.header, downscale, on_read)
    n, height, width, _ = images.shape
    focal = 0.5 * split.header.width / math.tan(0.5 * split.angle)
    # The principal point is the middle of the whole picture, also where the reduction left out its last columns.
    K = torch.tensor([[focal, 0.0, 0.5 * split.header.width], [0.0, focal, 0.5 * split.header.height], [0.0, 0.0, 1.0]])
    K[:2] /= downscale
    c2w = torch.from_numpy(np.stack([frame.c2w for frame in split.frames]))
    return Views(Camera(c2w, K.repeat(n, 1, 1), width, height), images, tuple(frame.name for frame in split.frames))


def _bounds(train: Views) -> tuple[Box, tuple[str, ...]]:
    """The object's bounds from its silhouettes, or NeRF-synthetic's with a note that says why."""
    assumed = (
        f"so the scene is taken to lie within {DEFAULT_BOX[0]:g} .. {DEFAULT_BOX[3]:g}; "
        f'"aabb": [x0, y0, z0, x1, y1, z1] in {TRAIN_FILE} sets other bounds.'
    )
    if not train.has_alpha:
        return DEFAULT_BOX, (f"The images have no alpha, {assumed}",)
    if bool((train.images[..., 3] == 255).all()):
        return DEFAULT_BOX, (f"The images' alpha is opaque everywhere, {assumed}",)
    box = find_box(train)
    if box is None:
        return DEFAULT_BOX, (f"The images' alphas and poses agree on no object, {assumed}",)
    return box, ()
