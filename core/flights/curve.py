"""Flies along a camera path: positions by centripetal Catmull-Rom, orientations by the matching quaternion spline.

A curve has a parameter u whose knots are the keys, spaced by the square roots of their distances (centripetal: no
cusps, no loops within a segment; Yuksel, Schaefer and Keyser 2011). Time becomes way along the curve, way becomes u.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator
from scipy.spatial.transform import Rotation

from core.flights.path import CameraPath
from core.flights.rotations import RotationCurve, rolls_of, steepness, turns_between, with_rolls

TURN_WEIGHT = 0.1
"""What a turn counts as way, beside the mean way per radian: only a camera that stands or nearly stands is timed by how
it turns."""

HOLD_EASE = 0.2
"""The least share of the way between two holds during which the camera speeds up and slows down."""

_PIECES = 96
"""Pieces of a segment whose lengths are summed."""

_EQUAL = 1e-7
"""Keys that differ less, in units of the path's extent and in radians, are equal."""


class Shots(NamedTuple):
    """Cameras along a flight.

    Attributes:
        c2w: (n, 4, 4) float64.
        fov_y: (n,) float64, vertical fields of view in radians.
        times: (n,) float64, the scene's time; None where no key has one.
    """

    c2w: np.ndarray
    fov_y: np.ndarray
    times: np.ndarray | None


class Flight:
    """A path that can be flown.

    Attributes:
        seconds: its duration.
        arrivals: (n,) float64, when the camera arrives at each key, in seconds.

    Raises:
        ValueError: there are fewer than two keys, neighbours are equal, or key times and holds leave no time to fly.
    """

    def __init__(self, path: CameraPath):
        _check(path)
        self.path, self._n = path, len(path.keys)
        self._up = np.asarray(path.up, np.float64)
        order = np.arange(self._n + 1) % self._n if path.closed else np.arange(self._n)
        matrices = np.stack([path.keys[i].matrix for i in order])
        self._positions, self._rotations = matrices[:, :3, 3], Rotation.from_matrix(matrices[:, :3, :3])
        zooms = np.log(np.tan([0.5 * path.keys[i].fov_y for i in order]))
        times = _filled([path.keys[i].time for i in order])
        steps, turns = np.diff(self._positions, axis=0), turns_between(self._rotations)
        far, wide = np.linalg.norm(steps, axis=1), np.linalg.norm(turns, axis=1)
        self._turn_weight = TURN_WEIGHT * far.sum() / wide.sum() if far.sum() > 0.0 < wide.sum() else 1.0
        others = np.abs(np.diff(zooms)) + (0.0 if times is None else np.abs(np.diff(times)))
        reach = np.maximum(far, self._turn_weight * np.maximum(wide, others))
        if not (reach > _EQUAL * max(reach.max(), 1e-30)).all() or reach.max() <= 0.0:
            i = int(np.argmin(reach))
            raise ValueError(
                f"keys {i + 1} and {order[i + 1] + 1} are equal: remove one, or let the first hold instead"
            )
        self._knots = np.concatenate([[0.0], np.cumsum(np.sqrt(reach / reach.max()))])
        self._curve = CubicHermiteSpline(self._knots, self._positions, self._tangents(steps))
        self._turning = RotationCurve(self._knots, self._rotations, self._tangents(turns))
        self._zoom = self._monotone(zooms)
        self._time = None if times is None else self._monotone(times)
        rolls = np.unwrap(rolls_of(self._rotations, self._up))
        self._roll = self._monotone(rolls) if (steepness(self._rotations, self._up) > 0.2).all() else None
        self.seconds, self.arrivals = self._schedule()

    def at(self, seconds: np.ndarray) -> Shots:
        """The cameras some seconds (n,) after the start; before it and after the end those of start and end."""
        u = self._parameter(np.atleast_1d(np.asarray(seconds, np.float64)))
        c2w = np.broadcast_to(np.eye(4), (len(u), 4, 4)).copy()
        c2w[:, :3, :3], c2w[:, :3, 3] = self._rotation(u).as_matrix(), self._curve(u)
        times = None if self._time is None else np.clip(self._time(u), 0.0, 1.0)
        return Shots(c2w, 2.0 * np.arctan(np.exp(self._zoom(u))), times)

    def line(self, n: int) -> np.ndarray:
        """n points (n, 3) along the curve, evenly spread over its keys."""
        return self._curve(np.linspace(0.0, self._knots[-1], n))

    def _rotation(self, u: np.ndarray) -> Rotation:
        rotations = self._turning(u)
        return rotations if self._roll is None else with_rolls(rotations, self._roll(u), self._up)

    def _tangents(self, steps: np.ndarray) -> np.ndarray:
        """Catmull-Rom's velocities at the knots, from the steps (n - 1, 3) between neighbours."""
        spans = np.diff(self._knots)[:, None]
        slopes = steps / spans
        if self.path.closed:
            before, after = np.roll(slopes, 1, axis=0), slopes
            wide = np.roll(spans, 1, axis=0)
            inner = (spans * before + wide * after) / (spans + wide)
            return np.concatenate([inner, inner[:1]])
        inner = (spans[1:] * slopes[:-1] + spans[:-1] * slopes[1:]) / (spans[1:] + spans[:-1])
        return np.concatenate([slopes[:1], inner, slopes[-1:]])

    def _monotone(self, values: np.ndarray) -> PchipInterpolator:
        """Values (n,) at the knots, between which nothing overshoots."""
        if not self.path.closed:
            return PchipInterpolator(self._knots, values)
        knots, end, gain = self._knots, self._knots[-1], values[-1] - values[0]  # a roll may gain whole turns
        knots = np.concatenate([knots[-3:-1] - end, knots, knots[1:3] + end])
        return PchipInterpolator(knots, np.concatenate([values[-3:-1] - gain, values, values[1:3] + gain]))

    def _schedule(self) -> tuple[float, np.ndarray]:
        """Set how time becomes the parameter; returns the duration and the keys' arrivals."""
        return self._by_key_times() if not self.path.even else self._evenly()

    def _evenly(self) -> tuple[float, np.ndarray]:
        u, ways = self._measured()
        self._to_parameter = PchipInterpolator(ways, u)
        at_keys = np.interp(self._knots, u, ways)
        keys, path = self.path.keys, self.path
        holds = np.array([key.hold for key in keys])
        moving = path.seconds - holds.sum()
        pace = moving / ways[-1]
        arrivals = pace * at_keys[: self._n] + np.concatenate([[0.0], np.cumsum(holds)[:-1]])
        stops = sorted({0, *np.nonzero(holds > 0.0)[0].tolist()} | (set() if path.closed else {self._n - 1}))
        legs, ends = [], [*stops[1:], self._n] if path.closed else stops[1:]
        for first, last in zip(stops, ends, strict=path.closed):
            begin = arrivals[first] + holds[first]
            end = arrivals[last] if last < self._n else path.seconds
            held = holds[first] > 0.0, (holds[last % self._n] > 0.0)
            eases = [path.ease if not h else max(path.ease, HOLD_EASE) for h in held]
            if first != 0 and not held[0]:
                eases[0] = 0.0
            legs.append((begin, end, at_keys[first], at_keys[last], *eases))
        self._legs = np.array(legs, np.float64)
        return path.seconds, arrivals

    def _by_key_times(self) -> tuple[float, np.ndarray]:
        """The keys' own times, and between them a monotone curve through them and through the ends of their holds."""
        keys, path = self.path.keys, self.path
        arrivals = np.array([key.at for key in keys], np.float64)
        instants, parameters = [], []
        for arrival, key, knot in zip(arrivals, keys, self._knots, strict=False):
            instants += [arrival, arrival + key.hold] if key.hold > 0.0 else [arrival]
            parameters += [knot, knot] if key.hold > 0.0 else [knot]
        end = path.seconds if path.closed else instants[-1]
        if path.closed:
            instants, parameters = [*instants, end], [*parameters, self._knots[-1]]
        t, u = np.array(instants), np.array(parameters)
        slopes = PchipInterpolator(t, u).derivative()(t)
        if path.closed and keys[0].hold == 0.0:
            around = np.concatenate([[t[-2] - end], t, [t[1] + end]])
            whole = self._knots[-1]
            slopes = PchipInterpolator(around, np.concatenate([[u[-2] - whole], u, [u[1] + whole]])).derivative()(t)
        if path.ease > 0.0:
            slopes[0] = slopes[-1] = 0.0
        self._to_parameter, self._legs = CubicHermiteSpline(t, u, slopes), None
        self._span = t[0], t[-1]
        return float(end), arrivals

    def _parameter(self, seconds: np.ndarray) -> np.ndarray:
        if self._legs is None:
            u = self._to_parameter(np.clip(seconds, *self._span))
        else:
            begins, ends, first, last, ease_in, ease_out = self._legs.T
            leg = np.clip(np.searchsorted(begins, seconds, side="right") - 1, 0, len(begins) - 1)
            share = np.clip((seconds - begins[leg]) / (ends[leg] - begins[leg]), 0.0, 1.0)
            share = eased(share, ease_in[leg], ease_out[leg])
            u = self._to_parameter(first[leg] + share * (last[leg] - first[leg]))
        return np.clip(u, 0.0, self._knots[-1])

    def _measured(self) -> tuple[np.ndarray, np.ndarray]:
        """Parameters (m,) along the curve, and the way to each of them (m,)."""
        ends = self._knots[:-1, None] + np.diff(self._knots)[:, None] * np.linspace(0.0, 1.0, _PIECES + 1)
        u = np.concatenate([ends[:, :-1].ravel(), self._knots[-1:]])
        speed = np.linalg.norm(self._curve(u, 1), axis=-1)
        middle = np.linalg.norm(self._curve(0.5 * (u[1:] + u[:-1]), 1), axis=-1)
        far = (speed[:-1] + 4.0 * middle + speed[1:]) / 6.0 * np.diff(u)  # Simpson
        wide = np.linalg.norm(turns_between(self._rotation(u)), axis=1)
        zooms = np.abs(np.diff(self._zoom(u)))
        times = 0.0 if self._time is None else np.abs(np.diff(self._time(u)))
        pieces = np.maximum(far, self._turn_weight * np.maximum(wide, zooms + times))
        least = 1e-9 * pieces.max()  # a way that only grows can be inverted
        return u, np.concatenate([[0.0], np.cumsum(np.maximum(pieces, least))])


@lru_cache(maxsize=8)
def flight_of(path: CameraPath) -> Flight:
    """The flight of a path; the last few are kept, because a window asks in each frame.

    Raises:
        ValueError: see `Flight`.
    """
    return Flight(path)


def frame_times(flight: Flight, fps: float) -> np.ndarray:
    """When the frames of a film are taken, (n,) seconds. A closed flight's film doesn't show its first frame twice."""
    n = max(2, round(flight.seconds * fps))
    return np.linspace(0.0, flight.seconds, n, endpoint=not flight.path.closed)


def eased(share: np.ndarray, ease_in: np.ndarray, ease_out: np.ndarray) -> np.ndarray:
    """The share of the way after a share of the time: the speed rises linearly during the share `ease_in` of the time,
    is even, and falls during the share `ease_out`."""
    top = 1.0 / (1.0 - 0.5 * (ease_in + ease_out))
    rise, fall = np.maximum(ease_in, 1e-12), np.maximum(ease_out, 1e-12)
    begun = np.where(share < ease_in, 0.5 * share * share / rise, share - 0.5 * ease_in)
    rest = 1.0 - share
    return np.where(rest < ease_out, 1.0 - top * 0.5 * rest * rest / fall, top * begun)


def _check(path: CameraPath) -> None:
    keys = path.keys
    if len(keys) < 2:
        raise ValueError(f"a flight needs at least two keys, found {len(keys)}: add another")
    holds = sum(key.hold for key in keys)
    if path.even:
        if holds >= path.seconds:
            raise ValueError(
                f"holds of {holds:g} s leave no time to fly in {path.seconds:g} s: shorten them, or fly longer"
            )
        return
    if any(key.at is None for key in keys):
        raise ValueError("keys need times where the speed isn't even: give each one `at`, or set `even`")
    ends = [(key.at or 0.0) + key.hold for key in keys]
    begins = [*(key.at or 0.0 for key in keys[1:]), *([path.seconds] if path.closed else [])]
    for i, (end, begin) in enumerate(zip(ends, begins, strict=False)):
        if begin <= end:
            raise ValueError(f"key {i + 1} ends at {end:g} s and the next begins at {begin:g} s: let it begin later")


def _filled(times: list[float | None]) -> np.ndarray | None:
    """Scene times (n,), those of keys without one interpolated; None if no key has one."""
    known = [i for i, time in enumerate(times) if time is not None]
    if not known:
        return None
    return np.interp(np.arange(len(times)), known, [float(times[i] or 0.0) for i in known])
