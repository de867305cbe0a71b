"""nerfstudio's camera_path.json: key frames, and the frames between them as the renderer there takes them.

Poses are OpenGL's, row by row (its older viewer wrote key frames as text, column by column). They are in the space into
which nerfstudio moves a dataset; where its dataparser_transforms.json lies beside the file, that move is undone.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.flights.album import Album
from core.flights.curve import Flight, frame_times
from core.flights.formats.base import PathFormat, beside, merged
from core.flights.path import CameraPath, Key, pose_values

WIDTH, HEIGHT, FPS = 1920, 1080, 30.0
"""For paths that name none."""


def read(values: Mapping[str, Any], path: Path) -> Album:
    """See `PathFormat`."""
    move, fps, cycle = _move(path), float(values.get("fps") or FPS), bool(values.get("is_cycle"))
    frames, entries = values.get("camera_path") or [], values.get("keyframes") or []
    if entries:
        times, seconds = _key_times(values, entries, cycle)
        keys = [_key(entry, entry["matrix"], at, move) for entry, at in zip(entries, times, strict=True)]
    else:
        seconds, cycle = len(frames) / fps, False
        keys = [_key(frame, frame["camera_to_world"], i / fps, move) for i, frame in enumerate(frames)]
        seconds = keys[-1].at or seconds if keys else seconds
    width, height = (
        round(float(values[side])) if values.get(side) else None for side in ("render_width", "render_height")
    )
    return Album(
        path=CameraPath(merged(keys), seconds=seconds, closed=cycle, even=False, fps=fps, width=width, height=height)
    )


def _key_times(values: Mapping[str, Any], entries: list, cycle: bool) -> tuple[list[float], float]:
    """When each key frame is passed, and the duration. An entry names how long the way to it takes."""
    default = float(values.get("default_transition_sec") or 1.0)
    ways = []
    for entry in entries:
        own = entry.get("override_transition_sec") if entry.get("override_transition_enabled") else None
        ways.append(default if own is None else float(own))
    first, whole = ways[0], sum(ways) if cycle else sum(ways[1:])
    seconds = float(values.get("seconds") or whole)
    scale = seconds / whole if whole > 0.0 else 1.0
    return [scale * (sum(ways[: i + 1]) - first) for i in range(len(ways))], seconds


def _key(entry: Mapping[str, Any], matrix: Any, at: float, move: tuple[np.ndarray, float]) -> Key:
    columns = isinstance(matrix, str)
    numbers = np.asarray(json.loads(matrix) if columns else matrix, np.float64).reshape(4, 4)
    c2w = numbers.T if columns else numbers
    turn, scale = move
    c2w = c2w.copy()
    c2w[:3, 3] /= scale
    time = entry.get("render_time")
    pose = pose_values(np.linalg.inv(turn) @ c2w)
    return Key(pose, math.radians(float(entry["fov"])), None if time is None else float(time), at)


def write(album: Album, path: Path) -> dict[str, Any]:
    """See `PathFormat`.

    Raises:
        ValueError: the path can't be flown.
    """
    flown, move = album.path, _move(path)
    flight, fps = Flight(flown), flown.fps or FPS
    width, height = flown.width or WIDTH, flown.height or HEIGHT
    shots = flight.at(frame_times(flight, fps))
    times = [None] * len(shots.c2w) if shots.times is None else shots.times.tolist()
    frames = [
        _frame("camera_to_world", c2w, fov, time, width / height, move)
        for c2w, fov, time in zip(shots.c2w, shots.fov_y, times, strict=True)
    ]
    ends = [*flight.arrivals, flight.seconds]
    entries = []
    for i, key in enumerate(flown.keys):
        way = ends[i] - ends[i - 1] if i else (flight.seconds - ends[-2] if flown.closed else 0.0)
        entry = _frame("matrix", key.matrix, key.fov_y, key.time, width / height, move)
        entries.append(entry | {"override_transition_enabled": True, "override_transition_sec": float(way)})
    return {
        "camera_type": "perspective", "render_height": height, "render_width": width, "fps": fps,
        "seconds": flight.seconds, "is_cycle": flown.closed, "smoothness_value": 0.5,
        "default_fov": entries[0]["fov"], "default_transition_sec": flight.seconds / max(1, len(entries) - 1),
        "keyframes": entries, "camera_path": frames,
    }  # fmt: skip


def _frame(name: str, c2w: np.ndarray, fov: float, time: float | None, aspect: float, move) -> dict[str, Any]:
    turn, scale = move
    moved = turn @ c2w
    moved[:3, 3] *= scale
    entry = {name: moved.ravel().tolist(), "fov": math.degrees(fov), "aspect": aspect}
    return entry if time is None else entry | {"render_time": float(time)}


def _move(path: Path) -> tuple[np.ndarray, float]:
    """How nerfstudio moved the dataset: a rotation with a shift (4, 4), and then a scale."""
    found = beside(path, "dataparser_transforms.json")
    turn = np.eye(4)
    if "transform" in found:
        turn[:3] = np.asarray(found["transform"], np.float64).reshape(-1, 4)[:3]
    return turn, float(found.get("scale") or 1.0)


FORMAT = PathFormat("nerfstudio", lambda v: "camera_path" in v or "keyframes" in v, read, write)
