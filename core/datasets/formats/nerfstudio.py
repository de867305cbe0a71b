"""Reads `transforms.json` as instant-ngp and nerfstudio write it: real photos with their poses, lenses and splits.

Another `transforms*.json` can be opened by its own path. Frames may override what the file says for all. Coordinates
stay as they are in the file: `scale`, `offset` and `applied_transform`, which say how other programs moved them, are
not applied.
"""

import math
import os
import re
from pathlib import Path
from typing import Any

from core.config.read_options import ReadOptions
from core.datasets.dataset import Dataset, Format, Progress
from core.datasets.loading.assemble import assemble_dataset, read_posed_headers
from core.datasets.loading.image_file import Header
from core.datasets.loading.shots import VALIDATION_SERVES, Mask, Shot, find_picture, hold_out, intrinsics, keep_existing
from core.datasets.loading.transforms import (
    SMALLEST_ANGLE,
    FrameRecord,
    is_number,
    read_frames,
    read_number,
    read_transforms,
    scene_box,
)
from core.errors import DatasetError
from core.geometry.lenses import COEFFICIENTS, FISHEYE_COEFFICIENTS

FILE = "transforms.json"
_FILE_NAME = re.compile(r"transforms.*\.json")

_MODELS = {
    "PINHOLE": (),
    "SIMPLE_PINHOLE": (),
    "SIMPLE_RADIAL": ("k1",),
    "RADIAL": ("k1", "k2"),
    "OPENCV": ("k1", "k2", "k3", "p1", "p2"),
    "FULL_OPENCV": COEFFICIENTS,
    "OPENCV_FISHEYE": FISHEYE_COEFFICIENTS,
}
"""The distortion coefficients of each camera model. With OPENCV, k4 is OpenCV's if k5 or k6 accompany it; alone it is
nerfstudio's own eighth-power term, which isn't supported."""


def recognises(path: Path) -> bool:
    return os.path.isfile(path / FILE) or (os.path.isfile(path) and _FILE_NAME.fullmatch(path.name) is not None)


def read(opened: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open what `recognises` accepts.

    Raises:
        DatasetError: see `core.datasets.open_dataset`.
    """
    path = opened if os.path.isfile(opened) else opened / FILE
    progress(0.0, "reading poses")
    transforms = read_transforms(path)
    given_box = scene_box(transforms, path)
    frames, notes = keep_existing(read_frames(transforms, path, reading), path)
    headers, turned = read_posed_headers(((frame.path, _named_size(frame, transforms)) for frame in frames), path)
    shots = [_shot(frame, transforms, headers[frame.path], path, reading.allow_outside) for frame in frames]
    train, test, note = _split(shots, transforms, path)
    notes += turned + note
    return assemble_dataset(opened, FORMAT.name, (train, test), headers, path, reading, progress, notes, box=given_box)


FORMAT = Format(
    "instant-ngp / nerfstudio", f"a folder with {FILE} (instant-ngp, nerfstudio)", recognises, read, FILE, any_axes=True
)


def _named_size(frame: FrameRecord, transforms: dict[str, Any]) -> tuple[float, float] | None:
    """The picture's width and height as the frame or the file states them; None unless both are stated."""
    given = transforms | frame.given
    width, height = given.get("w"), given.get("h")
    return (width, height) if is_number(width) and is_number(height) and min(width, height) > 0.0 else None


def _shot(frame: FrameRecord, transforms: dict[str, Any], header: Header, path: Path, allow_outside: bool) -> Shot:
    """A frame with its lens and masks; the file gives the defaults for all frames."""
    given = transforms | frame.given
    where = f"{path} ({frame.name})"

    def find(key: str, low: float = -math.inf, high: float = math.inf) -> float | None:
        return read_number(given, key, where, low, high) if given.get(key) is not None else None

    def value(key: str, default: float) -> float:
        found = find(key)
        return default if found is None else found

    width, height = value("w", header.width), value("h", header.height)
    fx, fy = find("fl_x"), find("fl_y")
    angle_x, angle_y = (find(name, SMALLEST_ANGLE, math.pi) for name in ("camera_angle_x", "camera_angle_y"))
    if fx is None and angle_x:
        fx = 0.5 * width / math.tan(0.5 * angle_x)
    if fy is None and angle_y and not angle_x:
        fy = 0.5 * height / math.tan(0.5 * angle_y)
    fx, fy = fy if fx is None else fx, fx if fy is None else fy
    if fx is None or fy is None:
        raise DatasetError(f"{where}: expected a focal length, fl_x in pixels or camera_angle_x, found none: add one")
    K = intrinsics(fx, fy, value("cx", 0.5 * width), value("cy", 0.5 * height))
    names, fisheye = _coefficients(given, where)
    distortion = [value(name, 0.0) if name in names else 0.0 for name in COEFFICIENTS]
    masks = _masks(frame, where, path.parent, allow_outside)
    return Shot(
        frame.name, frame.path, frame.c2w, K, (width, height), tuple(distortion), fisheye, masks, time=frame.time
    )


def _masks(frame: FrameRecord, where: str, folder: Path, allow_outside: bool) -> tuple[Mask, ...]:
    """nerfstudio's mask, white where the picture counts, and instant-ngp's, black where it counts."""
    beside = frame.path.with_name(f"dynamic_mask_{frame.path.stem}.png")
    masks = (Mask(beside, hides=True),) if os.path.isfile(beside) else ()
    name = frame.given.get("mask_path")
    if name is None:
        return masks
    if not isinstance(name, str) or not name.strip():
        raise DatasetError(f"{where}: expected mask_path as the name of a picture, found {name!r:.40}: correct it")
    mask = find_picture(folder, name, where, allow_outside, "mask_path")
    if not os.path.isfile(mask):
        raise DatasetError(f"{mask} is missing: {where} names it as a mask; restore it or remove mask_path")
    return (*masks, Mask(mask, hides=False))


def _coefficients(given: dict[str, Any], where: str) -> tuple[tuple[str, ...], bool]:
    """The names of the lens' coefficients, and whether it is a fisheye."""
    if given.get("is_fisheye") is True:  # as instant-ngp writes it
        return FISHEYE_COEFFICIENTS, True
    model = given.get("camera_model", "OPENCV")
    if not (isinstance(model, str) and model in _MODELS):
        raise DatasetError(
            f"{where}: expected camera_model as one of {', '.join(_MODELS)}, found {model!r:.40}: "
            "undistort the pictures, or export them with another model"
        )
    if model == "OPENCV" and any(given.get(name) for name in ("k5", "k6")):
        model = "FULL_OPENCV"
    if model == "OPENCV" and given.get("k4"):
        raise DatasetError(
            f"{where}: expected OpenCV's lens, found nerfstudio's own k4, for the eighth power of the radius: "
            "undistort the pictures, or export them without k4"
        )
    return _MODELS[model], model == "OPENCV_FISHEYE"


def _split(shots: list[Shot], transforms: dict[str, Any], path: Path) -> tuple[list[Shot], list[Shot], tuple[str, ...]]:
    """Training and test views: from nerfstudio's lists of names, or with every 8th held out."""
    train_names, test_names, val_names = (
        _names(transforms, key, path) for key in ("train_filenames", "test_filenames", "val_filenames")
    )
    if train_names is None and not (test_names or val_names):
        return hold_out(shots, "view")
    if train_names is None:
        train_names = {_plain(shot.name) for shot in shots} - (test_names or set()) - (val_names or set())
    held_out = (test_names or val_names or set()) - train_names
    train = [shot for shot in shots if _plain(shot.name) in train_names]
    test = [shot for shot in shots if _plain(shot.name) in held_out]
    notes: tuple[str, ...] = ()
    if unused := len(shots) - len(train) - len(test):
        notes += (f"{unused} of the {len(shots)} views are in neither split and not used.",)
    if not test:
        train, test, note = hold_out(train, "training view")
        return train, test, notes + note
    if not test_names:
        notes += (VALIDATION_SERVES,)
    return train, test, notes


def _names(transforms: dict[str, Any], key: str, path: Path) -> set[str] | None:
    names = transforms.get(key)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DatasetError(f"{path}: expected {key} as a list of file names, found something else: correct it")
    return {_plain(name) for name in names}


def _plain(name: str) -> str:
    return os.path.normpath(name.strip().replace("\\", "/"))
