"""What the window asks of the session: a view, a screenshot."""

from dataclasses import dataclass
from enum import StrEnum

from core.config.march import MarchSettings
from viewer.protocol.optics import PINHOLE, Optics
from viewer.protocol.view_settings import ViewSettings


@dataclass(frozen=True)
class Pose:
    """Where and when a picture is taken.

    Attributes:
        c2w: 16 floats, the camera-to-world matrix row by row, OpenGL axes.
        fov_y: the vertical field of view in radians.
        time: 0 to 1; None in a scene in which nothing moves.
    """

    c2w: tuple[float, ...]
    fov_y: float
    time: float | None = None


class Split(StrEnum):
    """One of a dataset's two sets of views."""

    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True)
class PhotoId:
    """One view of the open dataset; `index` counts from 0 within its split."""

    split: Split
    index: int


@dataclass(frozen=True)
class SceneRay:
    """An inspected ray, to be drawn in the scene. t is the distance from the origin.

    Attributes:
        origin, direction: the ray's; the direction has length 1.
        t_min, t_stop, t_max: where it enters the box, where it stopped, and where it would have left the box.
        kept: spans (first t, last t) of composited samples.
        of_a: it is a ray of A's picture, whose surfaces cover it while A is compared with the present picture.
    """

    origin: tuple[float, float, float]
    direction: tuple[float, float, float]
    t_min: float
    t_stop: float
    t_max: float
    kept: tuple[tuple[float, float], ...]
    of_a: bool = False


@dataclass(frozen=True)
class Trail:
    """A camera path, to be drawn in the scene.

    Attributes:
        points: along its line.
        cameras: the keys' c2w, 16 floats each, and vertical fields of view in radians.
        selected: the index of the key that is edited, or None.
    """

    points: tuple[tuple[float, ...], ...]
    cameras: tuple[tuple[tuple[float, ...], float], ...]
    selected: int | None = None


@dataclass(frozen=True)
class ViewRequest:
    """A picture that the window asks for. A newer request supersedes an older one.

    Attributes:
        width, height: the full resolution in pixels; while the camera moves the session may render fewer.
        moving: the camera is in motion, so speed counts more than resolution.
        serial: grows with every request; a frame contains the request that it answers.
        other: A's thresholds, while the view compares with them or with the former run.
        runs: the names of A and B while A is the former run's picture; (): both are pictures of the run in training.
        photo: the dataset's view that the camera stands on exactly, or None.
        ray: a ray to draw into the picture; trail: a camera path.
        scene_serial: that of the status whose scene is meant; None: whichever is open.
        optics: of a picture for a file.
    """

    pose: Pose
    width: int
    height: int
    march: MarchSettings
    view: ViewSettings
    moving: bool
    serial: int
    other: MarchSettings | None = None
    runs: tuple[str, ...] = ()
    photo: PhotoId | None = None
    ray: SceneRay | None = None
    scene_serial: int | None = None
    optics: Optics = PINHOLE
    trail: Trail | None = None


@dataclass(frozen=True)
class ScreenshotRequest:
    """A picture to save: the view at its own or another size.

    Attributes:
        folder: where to save it; the name is chosen so that no file is overwritten.
        transparent: keep the picture's opacity as alpha instead of the background colour.
    """

    view: ViewRequest
    folder: str
    transparent: bool
