"""A camera path as data: key frames, and how the camera moves through them. `core.flights.curve` flies along it.

Conventions: c2w is OpenGL (+x right, +y up, -z forward), in the dataset's own units and axes; angles are in radians,
durations in seconds, the scene's time runs from 0 to 1.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

MOST_SECONDS = 24 * 3600.0

_SKEW = 1e-3
"""How far from orthonormal a rotation in a file may be."""


@dataclass(frozen=True)
class Key:
    """A key frame: a camera, and when the flight passes it.

    Attributes:
        c2w: 16 floats, the camera-to-world matrix row by row.
        fov_y: the vertical field of view.
        time: of the scene; None where nothing moves.
        at: when the camera arrives, since the flight's start; counts only where the path's speed is not even.
        hold: how long the camera then stands still.
        name: what the user calls it.

    Raises:
        ValueError: a number is not finite or out of range, or the matrix is no camera's.
    """

    c2w: tuple[float, ...]
    fov_y: float
    time: float | None = None
    at: float | None = None
    hold: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.c2w) != 16 or not all(map(math.isfinite, self.c2w)):
            raise ValueError(f"a key's c2w must be 16 finite numbers, got {self.c2w!r:.80}: correct it")
        turn = self.matrix[:3, :3]
        if not np.allclose(turn.T @ turn, np.eye(3), atol=_SKEW) or np.linalg.det(turn) < 0.0:
            raise ValueError("a key's c2w must begin with a rotation, found a matrix that scales, skews or mirrors")
        if not 0.0 < self.fov_y < math.pi:
            degrees = math.degrees(self.fov_y)
            raise ValueError(
                f"a field of view lies between 0 and 180 degrees, got {degrees:g}: choose one between them"
            )
        if self.time is not None and not 0.0 <= self.time <= 1.0:
            raise ValueError(f"a key's scene time lies between 0 and 1, got {self.time:g}: correct it")
        if not 0.0 <= self.hold <= MOST_SECONDS or not (self.at is None or 0.0 <= self.at <= MOST_SECONDS):
            raise ValueError(f"a key's hold and time must be seconds from 0 on, got {self.hold:g} and {self.at}")

    @property
    def matrix(self) -> np.ndarray:
        """c2w as (4, 4) float64."""
        return np.asarray(self.c2w, np.float64).reshape(4, 4)

    @property
    def position(self) -> np.ndarray:
        """(3,) float64."""
        return self.matrix[:3, 3]


@dataclass(frozen=True)
class CameraPath:
    """Key frames in their order. Any number of keys may be edited; a flight needs at least two.

    Attributes:
        seconds: the whole flight's duration, holds included.
        closed: the flight returns to its first key.
        even: the camera's speed is the same everywhere but at holds; else it passes each key at its own time.
        ease: the share of the time during which the camera speeds up at the start and slows down at the end, 0 to 0.5.
        up: the scene's up, a unit vector, about which pictures are level or rolled.
        fps, width, height: how it is to be filmed; None: as whoever films it likes.
    """

    keys: tuple[Key, ...] = ()
    seconds: float = 6.0
    closed: bool = False
    even: bool = True
    ease: float = 0.0
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    fps: float | None = None
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.seconds <= MOST_SECONDS:
            raise ValueError(
                f"a flight takes more than 0 seconds and at most a day, got {self.seconds:g}: choose others"
            )
        if not 0.0 <= self.ease <= 0.5:
            raise ValueError(f"ease is a share from 0 to 0.5, got {self.ease:g}: choose one in that range")
        if not math.isclose(math.hypot(*self.up), 1.0, abs_tol=1e-3):
            raise ValueError(f"a path's up must have length 1, got {self.up}: correct it")
        if self.fps is not None and not 0.0 < self.fps <= 1000.0:
            raise ValueError(
                f"a film has more than 0 and at most 1000 frames per second, got {self.fps:g}: choose others"
            )
        for side in (self.width, self.height):
            if side is not None and side < 1:
                raise ValueError(
                    f"a film is at least a pixel wide and high, got {self.width}x{self.height}: correct it"
                )


def pose_values(c2w: np.ndarray) -> tuple[float, ...]:
    """A matrix (4, 4) as a key's 16 floats."""
    return tuple(float(value) for value in np.asarray(c2w, np.float64).ravel())


def inserted(path: CameraPath, index: int, key: Key) -> CameraPath:
    """The path with another key before the one at `index`. Where keys have times of their own, the new one gets the
    middle of the gap, or is appended as far behind the last key as a gap is long on average."""
    if not path.even and path.keys:
        if index == 0:
            times = [key_at + _mean_gap(path) for key_at in _times(path)]
            path = replace(path, keys=tuple(replace(k, at=t) for k, t in zip(path.keys, times, strict=True)))
            key = replace(key, at=0.0)
        elif index < len(path.keys):
            before, after = path.keys[index - 1], path.keys[index]
            key = replace(key, at=0.5 * ((before.at or 0.0) + before.hold + (after.at or 0.0)))
        else:
            last = path.keys[-1]
            key = replace(key, at=(last.at or 0.0) + last.hold + _mean_gap(path))
    return _fitted(replace(path, keys=(*path.keys[:index], key, *path.keys[index:])))


def removed(path: CameraPath, index: int) -> CameraPath:
    """The path without a key."""
    return _fitted(replace(path, keys=path.keys[:index] + path.keys[index + 1 :]))


def changed(path: CameraPath, index: int, **values) -> CameraPath:
    """The path with other values of one key, by name.

    Raises:
        ValueError: a value is out of range.
    """
    key = replace(path.keys[index], **values)
    return _fitted(replace(path, keys=(*path.keys[:index], key, *path.keys[index + 1 :])))


def reordered(path: CameraPath, index: int, target: int) -> CameraPath:
    """The path with a key moved to another place in the order; the times stay where they are in the order."""
    keys = list(path.keys)
    keys.insert(target, keys.pop(index))
    times = [key.at for key in path.keys]
    return _fitted(replace(path, keys=tuple(replace(key, at=at) for key, at in zip(keys, times, strict=True))))


def dragged(path: CameraPath, index: int, seconds: float, arrivals: tuple[float, ...], gap: float = 0.05) -> CameraPath:
    """The path with a key moved in time, between its neighbours; from then on each key has a time of its own.

    Args:
        arrivals: when the camera arrives at each key now.
        gap: the shortest way between two keys, in seconds.
    """
    keys = [replace(key, at=at) for key, at in zip(path.keys, arrivals, strict=True)]
    low = 0.0 if index == 0 else arrivals[index - 1] + keys[index - 1].hold + gap
    high = arrivals[index + 1] - keys[index].hold - gap if index + 1 < len(keys) else MOST_SECONDS
    if path.closed and index + 1 == len(keys):
        high = path.seconds - keys[index].hold - gap
    keys[index] = replace(keys[index], at=0.0 if index == 0 else min(max(seconds, low), max(high, low)))
    return _fitted(replace(path, keys=tuple(keys), even=False))


def lasting(path: CameraPath, seconds: float) -> CameraPath:
    """The path flown in another time; key times and holds keep their shares of it."""
    factor = seconds / path.seconds
    keys = tuple(
        replace(key, hold=factor * key.hold, at=None if key.at is None else factor * key.at) for key in path.keys
    )
    return replace(path, keys=keys, seconds=seconds)


def _fitted(path: CameraPath) -> CameraPath:
    """An open path whose keys have times ends with its last key."""
    if path.even or path.closed or len(path.keys) < 2 or path.keys[-1].at is None:
        return path
    end = path.keys[-1].at + path.keys[-1].hold
    return replace(path, seconds=end) if end > 0.0 else path


def _times(path: CameraPath) -> list[float]:
    return [key.at or 0.0 for key in path.keys]


def _mean_gap(path: CameraPath) -> float:
    times = _times(path)
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 2.0
