"""Reads `transforms*.json`: frames with a picture and a pose, as written by Blender's NeRF scripts and their
successors.

Poses are c2w in OpenGL axes (+x right, +y up, -z forward), which is our convention too, unless the user says that they
are in OpenCV's. Every function raises DatasetError with one line that names the file, what was expected, what was found
and what to do.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from core.config.read_options import AS_STORED, Axes, ReadOptions
from core.config.types import Box
from core.datasets.loading.shots import find_picture
from core.errors import DatasetError
from core.geometry.boxes import box_of

SMALLEST_ANGLE = 1e-3
"""A smaller field of view, in radians, is taken for a mistake."""

_LATEST = 1e9
"""A time of greater magnitude is taken for a mistake."""

_BOTTOM_ROW = (0.0, 0.0, 0.0, 1.0)

_TO_OPENGL = np.array([1.0, -1.0, -1.0, 1.0])
"""Signs of a pose's columns, from OpenCV's axes to OpenGL's."""


class FrameRecord(NamedTuple):
    """One posed picture.

    Attributes:
        name: `file_path` as the file spells it.
        path: where the picture should be.
        c2w: (4, 4) float32.
        given: the frame's JSON object.
        time: when it was taken, if the file says so; all frames have one or none has.
    """

    name: str
    path: Path
    c2w: np.ndarray
    given: dict[str, Any]
    time: float | None = None


def read_transforms(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        transforms = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path} can't be read ({error.strerror}): check that it is there and readable") from error
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"{path}, line {error.lineno}, column {error.colno}: expected JSON, found a mistake ({error.msg}): "
            "correct the file or export it again"
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"{path}: expected JSON as UTF-8 text, found other bytes: export it again") from error
    if not isinstance(transforms, dict):
        raise DatasetError(f"{path}: expected a JSON object at the root, found {_kind(transforms)}: export it again")
    return transforms


def camera_angle_x(transforms: dict[str, Any], path: Path) -> float:
    """The horizontal field of view in radians."""
    expected = f"{path}: expected camera_angle_x, the horizontal field of view as a number between 0 and pi radians"
    if "camera_angle_x" not in transforms:
        raise DatasetError(f"{expected}, found none: add it, 2 * atan(image width / (2 * focal length in pixels))")
    angle = transforms["camera_angle_x"]
    if not is_number(angle):
        raise DatasetError(f"{expected}, found {_kind(angle)}: correct it")
    if not SMALLEST_ANGLE <= angle < math.pi:
        raise DatasetError(f"{expected}, found {angle}: correct it; it isn't in degrees")
    return float(angle)


def scene_box(transforms: dict[str, Any], path: Path) -> Box | None:
    """The scene's bounds, x0 y0 z0 x1 y1 z1, if the file gives them as `aabb`."""
    if "aabb" not in transforms:
        return None
    box = transforms["aabb"]
    valid = isinstance(box, list) and len(box) == 6 and all(map(is_number, box))
    if not (valid and all(low < high for low, high in zip(box[:3], box[3:], strict=True))):
        raise DatasetError(
            f"{path}: expected aabb as six numbers x0 y0 z0 x1 y1 z1, the first three below the last three, "
            f"found {json.dumps(box)[:80]}: correct or remove it"
        )
    return box_of(box)


def read_frames(transforms: dict[str, Any], path: Path, reading: ReadOptions = AS_STORED) -> list[FrameRecord]:
    """The posed pictures; they need not exist."""
    frames = transforms.get("frames")
    if not isinstance(frames, list) or not frames:
        found = "none" if "frames" not in transforms else _kind(frames)
        raise DatasetError(f"{path}: expected a list of frames, found {found}: export it again with at least one view")
    read = [_read_frame(frame, f"{path}: frame {index}", path.parent, reading) for index, frame in enumerate(frames)]
    timeless = [frame for frame in read if frame.time is None]
    if timeless and len(timeless) < len(read):
        raise DatasetError(
            f"{path}: expected a time in all frames or in none, found none in {len(timeless)} of {len(read)}, such as "
            f"{timeless[0].name}: add theirs or remove the others"
        )
    return read


def _read_frame(frame: Any, where: str, folder: Path, reading: ReadOptions) -> FrameRecord:
    if not isinstance(frame, dict):
        raise DatasetError(f"{where}: expected an object, found {_kind(frame)}: export it again")
    name = frame.get("file_path")
    if not isinstance(name, str) or not name.strip():
        found = "none" if "file_path" not in frame else _kind(name)
        raise DatasetError(f"{where}: expected file_path, the name of a picture, found {found}: add it")
    if "transform_matrix" not in frame:
        raise DatasetError(f"{where} ({name}): expected transform_matrix, the 4x4 pose, found none: add it")
    path = find_picture(folder, name, where, reading.allow_outside)
    c2w = parse_pose(frame["transform_matrix"], f"{where} ({name})", axes=reading.axes)
    time = read_number(frame, "time", f"{where} ({name})", -_LATEST, _LATEST) if "time" in frame else None
    return FrameRecord(name, path, c2w, frame, time)


def parse_pose(matrix: Any, where: str, what: str = "transform_matrix", axes: Axes = "opengl") -> np.ndarray:
    """c2w (4, 4) float32 in OpenGL's axes.

    A uniform scale, which Blender writes for a scaled parent, is divided out of the rotation.

    Args:
        where, what: what contains the matrix, and its name, for messages.
    """
    try:
        c2w = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        c2w = np.empty(0)
    expected = f"{where}: expected {what} as 4 rows of 4 numbers"
    if c2w.shape != (4, 4):
        found = "x".join(map(str, c2w.shape)) if c2w.size else "rows of other kinds or lengths"
        raise DatasetError(f"{expected}, found {found}: correct the frame or remove it")
    if not (np.abs(c2w) < 1e12).all():
        raise DatasetError(f"{expected}, found one that is not finite: correct the frame or remove it")
    if not np.allclose(c2w[3], _BOTTOM_ROW, atol=1e-4):
        raise DatasetError(f"{expected}, the last 0 0 0 1, found {c2w[3].tolist()} there: is the matrix transposed?")
    volume, sides = np.linalg.det(c2w[:3, :3]), np.linalg.norm(c2w[:3, :3], axis=0)
    if abs(volume) <= 1e-6 * sides.prod():
        raise DatasetError(f"{expected} with a rotation, found a singular one: correct the frame or remove it")
    c2w[:3, :3] /= np.cbrt(abs(volume))
    return (c2w * _TO_OPENGL if axes == "opencv" else c2w).astype(np.float32)


def read_number(given: dict[str, Any], key: str, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A number of a JSON object, from `low` to `high`.

    Raises:
        DatasetError: it is anything else.
    """
    value = given[key]
    if not (is_number(value) and low <= value <= high):
        bounds = (
            "" if math.isinf(low) else f" of at least {low:g}" if math.isinf(high) else f" from {low:g} to {high:g}"
        )
        raise DatasetError(f"{where}: expected {key} as a number{bounds}, found {_kind(value)}: correct it")
    return float(value)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a JSON value is a number that fits a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _kind(value: Any) -> str:
    """A JSON value in words for a message."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return f"{json.dumps(value)[:40]}"
