"""instant-ngp's base_cam.json: quaternions and positions in its own unit cube.

It turns a dataset's axes (x, y, z) into (y, z, x), flips the camera's y and z, and moves positions to 0.33 p + 0.5;
where the dataset's transforms.json beside the file names another `scale` or `offset`, these count.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from core.flights.album import Album
from core.flights.curve import Flight
from core.flights.formats.base import PathFormat, beside
from core.flights.path import CameraPath, Key, pose_values

SCALE, OFFSET = 0.33, (0.5, 0.5, 0.5)
ORBIT = 1.0
"""The distance to what a key orbits, which counts for the focus only."""

_FLIP = np.diag([1.0, -1.0, -1.0])
_CYCLE = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def read(values: Mapping[str, Any], path: Path) -> Album:
    """See `PathFormat`."""
    scale, offset = _move(path)
    keys = []
    for entry in values["path"]:
        c2w = np.eye(4)
        c2w[:3, :3] = _CYCLE.T @ Rotation.from_quat(entry["R"]).as_matrix() @ _FLIP
        # the offset is added before the axes are cycled
        c2w[:3, 3] = (_CYCLE.T @ np.asarray(entry["T"], np.float64) - offset) / scale
        keys.append(Key(pose_values(c2w), math.radians(float(entry["fov"]))))
    seconds = float(values.get("duration_seconds") or CameraPath().seconds)
    return Album(path=CameraPath(tuple(keys), seconds=seconds, closed=bool(values.get("loop"))))


def write(album: Album, path: Path) -> dict[str, Any]:
    """See `PathFormat`. Its keys have no times, names or holds.

    Raises:
        ValueError: the path can't be flown.
    """
    seconds = Flight(album.path).seconds
    scale, offset = _move(path)
    entries = []
    for key in album.path.keys:
        turn = Rotation.from_matrix(_CYCLE @ key.matrix[:3, :3] @ _FLIP)
        place = _CYCLE @ (scale * key.position + offset)
        entries.append(
            {"R": turn.as_quat().tolist(), "T": place.tolist(), "fov": math.degrees(key.fov_y), "slice": 0.0,
             "scale": ORBIT, "aperture_size": 0.0, "glow_mode": 0, "glow_y_cutoff": 0.0}
        )  # fmt: skip
    return {"time": 0.0, "loop": album.path.closed, "duration_seconds": seconds, "path": entries}


def _move(path: Path) -> tuple[float, np.ndarray]:
    found = beside(path, "transforms.json")
    return float(found.get("scale") or SCALE), np.asarray(found.get("offset") or OFFSET, np.float64)


FORMAT = PathFormat("instant-ngp", lambda v: isinstance(v.get("path"), list), read, write)
