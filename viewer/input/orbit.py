"""How the camera moves: orbit, pan, zoom to the cursor, fly, jump to a training view. Moves return new cameras.

Conventions:
- A scene has an up. Orbiting turns about it like a turntable and keeps the picture's roll.
- Points of the picture are (u, v) in picture heights from its centre, u to the right, v downwards.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from core.flights.ready import Surroundings
from viewer.picture.projection import focal_length, plane_offsets
from viewer.protocol.requests import PhotoId, Pose, Split
from viewer.protocol.scene_info import SceneInfo

Z_UP = (0.0, 0.0, 1.0)
MAX_ELEVATION = math.radians(89.0)
"""Orbiting stops here, short of the pole, so that the picture never flips."""
HOME_ELEVATION = math.radians(25.0)
FOV_RANGE = (math.radians(5.0), math.radians(120.0))
DISTANCE_RANGE = (1e-3, 1e4)
FLY_SPEED = 0.7
"""Speed of flying per second, in distances to the target: slow near objects, fast far from them."""


@dataclass(frozen=True, eq=False)
class OrbitCamera:
    """A camera and the point that it orbits.

    Attributes:
        rotation: (3, 3) float64, columns: right, up, back (OpenGL) in the world.
        position: (3,) float64.
        distance: from the position to the target on the view axis.
        fov_y: the vertical field of view in radians.
        scene_up: a unit vector.
    """

    rotation: np.ndarray
    position: np.ndarray
    distance: float
    fov_y: float
    scene_up: tuple[float, float, float] = Z_UP

    @property
    def target(self) -> np.ndarray:
        """The point that the camera orbits, (3,)."""
        return self.position - self.distance * self.rotation[:, 2]

    @property
    def pose(self) -> Pose:
        c2w = np.eye(4)
        c2w[:3, :3], c2w[:3, 3] = self.rotation, self.position
        return Pose(tuple(float(x) for x in c2w.ravel()), self.fov_y)

    def under_cursor(self, u: float, v: float) -> np.ndarray:
        """The world point (3,) at (u, v) on the plane through the target that faces the camera."""
        height = 2.0 * self.distance * math.tan(0.5 * self.fov_y)
        return self.target + height * (u * self.rotation[:, 0] - v * self.rotation[:, 1])

    def direction_at(self, u: float, v: float) -> np.ndarray:
        """The unit direction (3,) of the ray from the position through (u, v)."""
        direction = self.under_cursor(u, v) - self.position
        return direction / np.linalg.norm(direction)

    def seen_at(self, direction: np.ndarray) -> tuple[float, float] | None:
        """(u, v) of a direction (3,) from the position, the inverse of `direction_at`; None behind the camera."""
        local = direction @ self.rotation
        if local[2] >= 0.0:
            return None
        u, v = plane_offsets(local, focal_length(self.fov_y))
        return float(u), float(v)

    def orbited(self, du: float, dv: float) -> "OrbitCamera":
        """After a drag by (du, dv): the scene follows the cursor; a drag over the picture's height is half a turn."""
        back, scene_up = self.rotation[:, 2], np.array(self.scene_up)
        # In a picture that is upside down, left and right are swapped on the turntable.
        sense = -1.0 if scene_up @ self.rotation[:, 1] < 0.0 else 1.0
        elevation = math.asin(float(np.clip(scene_up @ back / np.linalg.norm(back), -1.0, 1.0)))
        low, high = min(-MAX_ELEVATION, elevation), max(MAX_ELEVATION, elevation)
        rise = float(np.clip(elevation + sense * math.pi * dv, low, high)) - elevation
        level = np.cross(scene_up, back)
        size = float(np.linalg.norm(level))
        axis = level / size if size > 1e-6 else self.rotation[:, 0]
        turn = _rotation_about(scene_up, -sense * math.pi * du) @ _rotation_about(axis, -rise)
        rotation = _orthonormal(turn @ self.rotation)
        return replace(self, rotation=rotation, position=self.target + self.distance * rotation[:, 2])

    def panned(self, du: float, dv: float) -> "OrbitCamera":
        """After a drag by (du, dv): what lies at the target's depth follows the cursor."""
        return replace(self, position=self.position - (self.under_cursor(du, dv) - self.target))

    def zoomed(self, factor: float, u: float = 0.0, v: float = 0.0) -> "OrbitCamera":
        """The distance becomes `factor` times itself; the point under the cursor at (u, v) stays under it."""
        distance = float(np.clip(self.distance * factor, *DISTANCE_RANGE))
        fixed = self.under_cursor(u, v)
        position = fixed + distance / self.distance * (self.position - fixed)
        return replace(self, position=position, distance=distance)

    def flown(self, right: float, up: float, forward: float, seconds: float) -> "OrbitCamera":
        """After fly keys were held, -1 to 1 each; up is the scene's, the rest the camera's. The target follows."""
        direction = right * self.rotation[:, 0] + up * np.array(self.scene_up) - forward * self.rotation[:, 2]
        return replace(self, position=self.position + FLY_SPEED * self.distance * seconds * direction)

    def stood_up(self, scene_up: tuple[float, float, float]) -> "OrbitCamera":
        """With another up, which then points upwards in the picture; position and target stay."""
        back = self.rotation[:, 2]
        right = np.cross(np.array(scene_up), back)
        size = float(np.linalg.norm(right))
        if size < 1e-6:  # it looks along up: the picture stays as it is
            return replace(self, scene_up=scene_up)
        rotation = _orthonormal(np.stack([right / size, np.cross(back, right / size), back], axis=1))
        return replace(self, rotation=rotation, scene_up=scene_up)

    def with_fov(self, fov_y: float) -> "OrbitCamera":
        """At the same pose with another field of view, clipped to the setting's range."""
        return replace(self, fov_y=float(np.clip(fov_y, *FOV_RANGE)))


def at_view(
    c2w: np.ndarray, fov_y: float, center: np.ndarray, scene_up: tuple[float, float, float] = Z_UP
) -> OrbitCamera:
    """A camera at exactly this c2w (4, 4); it orbits the point of its axis that is closest to `center` (3,).

    If that point lies behind the camera, it orbits one in front, as far away as the centre.
    """
    c2w, center = np.asarray(c2w, np.float64), np.asarray(center, np.float64)
    to_center = center - c2w[:3, 3]
    along = float(-to_center @ c2w[:3, 2])
    away = float(np.linalg.norm(to_center))
    distance = along if along > 0.05 * away else away
    distance = float(np.clip(distance, *DISTANCE_RANGE))
    return OrbitCamera(c2w[:3, :3].copy(), c2w[:3, 3].copy(), distance, fov_y, scene_up).with_fov(fov_y)


def photo_view(scene: SceneInfo, photo: PhotoId) -> OrbitCamera:
    """The camera of one of the dataset's views: its pose and its field of view."""
    train = photo.split is Split.TRAIN
    cameras, fov_y = (scene.cameras, scene.camera_fov_y) if train else (scene.test_cameras, scene.test_fov_y)
    return at_view(cameras[photo.index], float(fov_y[photo.index]), _center(scene), scene.up)


def pose_view(scene: SceneInfo, pose: Pose) -> OrbitCamera:
    """A camera at a pose in a scene."""
    return at_view(np.reshape(pose.c2w, (4, 4)), pose.fov_y, _center(scene), scene.up)


def home_view(scene: SceneInfo) -> int:
    """The index of the training view to start at: for an object the one whose elevation is closest to 25 degrees, for a
    place (a scene of several levels) the medoid of all cameras."""
    positions = np.asarray(scene.cameras, np.float64)[:, :3, 3]
    if scene.train is not None and scene.train.grid_levels > 1:
        thinned = positions[:: max(1, len(positions) // 200)]
        return int(np.argmin(np.linalg.norm(positions[:, None] - thinned[None], axis=-1).sum(1)))
    offsets, up = positions - _center(scene), np.array(scene.up)
    heights = offsets @ up
    elevations = np.arctan2(heights, np.linalg.norm(offsets - heights[:, None] * up, axis=1))
    return int(np.argmin(np.abs(elevations - HOME_ELEVATION)))


def surroundings_of(scene: SceneInfo, start: Pose | None = None) -> Surroundings:
    """What ready paths depend on.

    Args:
        start: where they begin; None: at the view that the window starts at.
    """
    if start is None:
        index = home_view(scene)
        begin = np.asarray(scene.cameras[index], np.float64), float(scene.camera_fov_y[index])
    else:
        begin = np.reshape(start.c2w, (4, 4)), start.fov_y
    return Surroundings(scene.box, scene.up, np.asarray(scene.cameras, np.float64), scene.camera_fov_y, begin)


def _center(scene: SceneInfo) -> np.ndarray:
    return 0.5 * (np.asarray(scene.box[:3], np.float64) + np.asarray(scene.box[3:], np.float64))


def _rotation_about(axis: np.ndarray, angle: float) -> np.ndarray:
    """The rotation (3, 3) about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * (cross @ cross)


def _orthonormal(rotation: np.ndarray) -> np.ndarray:
    """The nearest rotation, so that rounding errors of thousands of turns don't skew the camera."""
    left, _, right = np.linalg.svd(rotation)
    return left @ right
