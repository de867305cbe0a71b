"""Ready-made paths, from where a scene lies and where its photos were taken from."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from core.config.types import Box
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.boxes import centre_of, distances_to_box, sides_of

CIRCLE_KEYS = 16
"""Keys of a circle: between them the curve leaves it by less than a thousandth of its radius."""

MOST_PHOTOS = 24
"""Keys of the path through the photos."""

SPIRAL_TURNS, SPIRAL_KEYS = 2, 12
"""Turns of a spiral, and keys in each."""

CLOSEST, WIDEST = 0.35, math.radians(100.0)
"""How near a dolly comes, as a share of its first distance, and its widest field of view."""


class Surroundings(NamedTuple):
    """What ready paths depend on.

    Attributes:
        box: the scene's bounds.
        up: its unit vector upwards.
        cameras: (n, 4, 4), the training views' c2w in the order of their names.
        fov_y: (n,), their vertical fields of view in radians.
        start: the c2w (4, 4) to begin at, and its field of view.
    """

    box: Box
    up: tuple[float, float, float]
    cameras: np.ndarray
    fov_y: np.ndarray
    start: tuple[np.ndarray, float]


class ReadyPath(NamedTuple):
    """A ready path: its name in the window, what it does, and what makes it."""

    label: str
    sentence: str
    make: Callable[[Surroundings], CameraPath]


def turntable(around: Surroundings) -> CameraPath:
    """A circle about the scene's up and middle, through the start, looking at the middle."""
    c2w, fov = around.start
    middle, up = np.array(centre_of(around.box)), np.array(around.up)
    offset = np.asarray(c2w, np.float64)[:3, 3] - middle
    height = float(offset @ up)
    level = offset - height * up
    if np.linalg.norm(level) < 1e-3 * math.hypot(*sides_of(around.box)):  # straight above: no circle to go along
        level, height = 0.7071 * abs(height) * _across(up), 0.7071 * height
    forward = _unit(-(level + height * up))
    return _circle(middle + height * up, level, up, forward, fov)


def mean_circle(around: Surroundings) -> CameraPath:
    """The training cameras' mean distance, height and direction, all the way round."""
    cameras, up = np.asarray(around.cameras, np.float64), np.array(around.up)
    places, forwards = cameras[:, :3, 3], -cameras[:, :3, 2]
    middle = np.array(centre_of(around.box))
    if ((middle - places) * forwards).sum(-1).mean() < 0.0:  # they look outwards
        middle = places.mean(0)
    offsets = places - middle
    heights = offsets @ up
    levels = offsets - heights[:, None] * up
    radii = np.linalg.norm(levels, axis=1)
    outwards = levels / np.maximum(radii, 1e-9)[:, None]
    ahead = float((forwards * outwards).sum(-1).mean())
    rise = float((forwards @ up).mean())
    begin = outwards[int(np.argmax(radii))]
    radius = max(float(radii.mean()), 1e-3 * math.hypot(*sides_of(around.box)))
    forward = _unit((ahead if abs(ahead) > 1e-3 else -1.0) * begin + rise * up)
    return _circle(middle + heights.mean() * up, radius * begin, up, forward, float(np.median(around.fov_y)))


def through_photos(around: Surroundings) -> CameraPath:
    """Along the places of the photos, smoothed. Photos that weren't taken along a path are put in an order first."""
    cameras = np.asarray(around.cameras, np.float64)
    order = _walk(cameras[:, :3, 3])
    cameras, fovs = cameras[order], np.asarray(around.fov_y)[order]
    n = min(MOST_PHOTOS, len(cameras))
    reach = max(1.0, 0.5 * len(cameras) / max(n, 1))
    centres = np.linspace(0.0, len(cameras) - 1.0, n)
    weights = np.exp(-0.5 * ((np.arange(len(cameras)) - centres[:, None]) / reach) ** 2)
    weights /= weights.sum(1, keepdims=True)
    keys = []
    for row in weights:
        place, back, up = (row @ cameras[:, :3, column] for column in (3, 2, 1))
        keys.append(_key(place, -back, up, math.exp(float(row @ np.log(fovs)))))
    return CameraPath(_different(keys), up=around.up)


def spiral(around: Surroundings) -> CameraPath:
    """Two turns about the middle of cameras that face one way, looking at the middle of the scene (as LLFF does)."""
    cameras = np.asarray(around.cameras, np.float64)
    places = cameras[:, :3, 3]
    centre, forward = places.mean(0), _unit(-cameras[:, :3, 2].mean(0))
    right = np.cross(forward, cameras[:, :3, 1].mean(0))
    right = _unit(right) if np.linalg.norm(right) > 1e-3 else _across(forward)  # they don't face one way
    above = np.cross(right, forward)
    extents = np.percentile(np.abs((places - centre) @ np.stack([right, above, forward], axis=1)), 90.0, axis=0)
    depth = float((np.array(centre_of(around.box)) - centre) @ forward)
    depth = depth if depth > 0.0 else distances_to_box(around.box, tuple(centre))[1]
    extents = np.maximum(extents, [0.02 * depth, 0.02 * depth, 0.0])
    fov, keys = float(np.median(around.fov_y)), []
    for angle in 2.0 * math.pi / SPIRAL_KEYS * np.arange(SPIRAL_TURNS * SPIRAL_KEYS):
        sway = np.array([math.cos(angle), math.sin(angle), math.sin(0.5 * angle)]) * extents
        place = centre + sway[0] * right + sway[1] * above + sway[2] * forward
        keys.append(_key(place, centre + depth * forward - place, above, fov))
    return CameraPath(tuple(keys), closed=True, up=around.up)


def dolly(around: Surroundings) -> CameraPath:
    """Towards the scene's middle while the field of view widens, so that what is there keeps its size (Hitchcock)."""
    c2w, fov = np.asarray(around.start[0], np.float64), around.start[1]
    forward = -c2w[:3, 2]
    distance = float((np.array(centre_of(around.box)) - c2w[:3, 3]) @ forward)
    if distance <= 0.0:
        distance = distances_to_box(around.box, tuple(c2w[:3, 3]))[1]
    framed = math.tan(0.5 * fov) * distance
    nearest = max(CLOSEST * distance, framed / math.tan(0.5 * WIDEST))
    if nearest >= 0.95 * distance:  # it is wide already: go back instead
        nearest = 2.0 * distance
    keys = []
    for left in np.geomspace(distance, nearest, 9):
        keys.append(_key(c2w[:3, 3] + (distance - left) * forward, forward, c2w[:3, 1], 2.0 * math.atan(framed / left)))
    return CameraPath(tuple(keys), up=around.up)


READY: dict[str, ReadyPath] = {
    "turntable": ReadyPath(
        "Turntable", "A circle about the scene's middle at the view's distance and height.", turntable
    ),
    "orbit": ReadyPath("Orbit", "A circle at the training views' mean distance, height and direction.", mean_circle),
    "photos": ReadyPath("Photos", "Along the places that the photos were taken from, smoothed.", through_photos),
    "spiral": ReadyPath("Spiral", "Two turns before a scene that was photographed from one side.", spiral),
    "dolly": ReadyPath("Dolly", "Towards the middle while the field of view widens: it keeps its size.", dolly),
}
"""By the names that the command line knows."""


def _circle(centre: np.ndarray, arm: np.ndarray, up: np.ndarray, forward: np.ndarray, fov: float) -> CameraPath:
    """Keys around `centre`, the first at `arm` from it and looking `forward`; the others are turned about `up`."""
    keys = []
    for angle in 2.0 * math.pi / CIRCLE_KEYS * np.arange(CIRCLE_KEYS):
        place, ahead = Rotation.from_rotvec(angle * up).apply(np.stack([arm, forward]))
        keys.append(_key(centre + place, ahead, up, fov))
    return CameraPath(tuple(keys), closed=True, up=(float(up[0]), float(up[1]), float(up[2])))


def _key(place: np.ndarray, forward: np.ndarray, up: np.ndarray, fov: float) -> Key:
    back = -_unit(forward)
    right = np.cross(up, back)
    right = _unit(right) if np.linalg.norm(right) > 1e-6 else _across(back)
    c2w = np.eye(4)
    c2w[:3] = np.stack([right, np.cross(back, right), back, place], axis=1)
    return Key(pose_values(c2w), fov)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _across(axis: np.ndarray) -> np.ndarray:
    """A unit vector perpendicular to a unit axis."""
    return _unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))


def _walk(places: np.ndarray) -> np.ndarray:
    """The order in which to visit places (n, 3): their own where they lie along a path, else always to the nearest."""
    if len(places) < 3:
        return np.arange(len(places))
    gaps = np.linalg.norm(places[:, None] - places, axis=-1) + np.diag(np.full(len(places), np.inf))
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    if steps.mean() <= 3.0 * gaps.min(1).mean():
        return np.arange(len(places))
    order, left = [0], set(range(1, len(places)))
    while left:
        order.append(min(left, key=lambda i: float(gaps[order[-1], i])))
        left.remove(order[-1])
    return np.array(order)


def _different(keys: list[Key]) -> tuple[Key, ...]:
    """The keys without those that stand where the one before does."""
    kept = keys[:1]
    for key in keys[1:]:
        if not np.allclose(key.matrix, kept[-1].matrix, atol=1e-6):
            kept.append(key)
    return tuple(kept)
