"""What crosses between the window's thread and the session's: immutable requests, frames and status.

The window makes requests and reads the newest frame and status; the session's worker thread owns everything else.
No torch object crosses. Arrays are numpy and are not written to after they are handed over.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from core.config.methods import ENDLESS, marches_grid
from core.config.read_options import AS_STORED, Reading
from core.config.settings import Box, MarchSettings, TrainSettings
from core.geometry.boxes import outer_box
from core.geometry.placement import Place
from core.training.build import Overrides
from viewer.protocol.runs import Collapse, Measured, Run
from viewer.protocol.view_settings import ViewSettings


@dataclass(frozen=True)
class Pose:
    """Where the picture is taken from.

    Attributes:
        c2w: 16 floats, the camera-to-world matrix row by row, OpenGL axes.
        fov_y: the vertical field of view in radians.
        time: when, 0 to 1; None in a scene in which nothing moves.
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
        origin, direction: of the ray; the direction has length 1.
        t_min, t_stop, t_max: where it enters the box, where it stopped, and where it would have left the box.
        kept: spans (first t, last t) of composited samples.
        of_a: it is a ray of A, whose surfaces cover it while A stands beside the present picture.
    """

    origin: tuple[float, float, float]
    direction: tuple[float, float, float]
    t_min: float
    t_stop: float
    t_max: float
    kept: tuple[tuple[float, float], ...]
    of_a: bool = False


@dataclass(frozen=True)
class ViewRequest:
    """A picture the window would like to have. A newer one supersedes an older one.

    Attributes:
        width, height: the full resolution in pixels; while the camera moves the session may render fewer.
        moving: the camera is in motion, so speed counts more than resolution.
        serial: grows with every request; a frame says which it answers.
        other: A's thresholds, while the view compares with them or with the former run.
        runs: what A and B are called while A is the former run's picture; (): both are of the run that trains.
        photo: the dataset's view that the camera stands on exactly, if it does.
        ray: drawn into the picture.
        scene_serial: of the status whose scene is meant; None: whichever is open.
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


@dataclass(frozen=True)
class FrameStats:
    """What a frame cost and what the thresholds did. Shares are 0 to 1.

    Attributes:
        milliseconds: marching and drawing the picture; `march_ms`, `field_ms` and `composite_ms` are its stages (see
            `core.rendering.timing.Stages`), drawing is the rest.
        rendered_width, rendered_height: the resolution that was marched; may be below the request's.
        n_density, n_color: evaluations of density, by the sampler's own fields too, and of colour.
        samples_per_ray: composited samples, a mean over all rays; `samples_median` and `samples_p95` over them too.
        occupied: of each grid level's cells, the share that the view marched, finest level first.
        missed: share of the rays on which no density was asked for.
        stopped_early: share of the rays that ended because their transmittance fell below the threshold.
        reached_far: share of the rays that did neither, and left the scene on its far side.
        skipped: share of the samples of a march without a grid and without early stop that was never evaluated.
    """

    milliseconds: float
    march_ms: float
    field_ms: float
    composite_ms: float
    rendered_width: int
    rendered_height: int
    n_density: int
    n_color: int
    samples_per_ray: float
    samples_median: float
    samples_p95: float
    occupied: tuple[float, ...]
    missed: float
    stopped_early: float
    reached_far: float
    skipped: float


@dataclass(frozen=True)
class Legend:
    """What the ends of a picture's colour map stand for.

    Attributes:
        colormap: the map's name, a key of `viewer.picture.modes.COLORMAPS`.
        unit: the unit after the numbers, "" for a pure number.
        low, high: the values shown in the map's first and last colour; values beyond them take these colours too.
        log: the values between them lie on a log scale.
        ends: words for the ends, in place of the numbers.
    """

    title: str
    colormap: str
    unit: str
    low: float
    high: float
    log: bool = False
    ends: tuple[str, str] | None = None


@dataclass(frozen=True)
class Comparison:
    """A's picture beside the present one, at the rendered size.

    Attributes:
        psnr: between both, in dB; inf without a difference.
        largest: the largest absolute difference of a colour channel, 0 to 1.
        stats: what A's picture cost.
    """

    psnr: float
    largest: float
    stats: FrameStats


@dataclass(frozen=True)
class Frame:
    """A finished picture.

    Attributes:
        rgba: (height, width, 4) float32 in [0, 1], C-contiguous, rows from the top; of the rendered size.
        step: the training step whose weights it shows.
        reason: why the resolution is below the request's, "" at full resolution.
        legends: what the colours stand for, see `viewer.picture.pictures.compose`; none for a picture in true colour.
        comparison: with the request's `other`, None without it.
    """

    rgba: np.ndarray
    request: ViewRequest
    stats: FrameStats
    step: int
    reason: str
    legends: tuple[Legend, ...] = ()
    comparison: Comparison | None = None


class State(StrEnum):
    EMPTY = "no scene"
    LOADING = "loading"
    TRAINING = "training"
    PAUSED = "paused"
    FAILED = "failed"


@dataclass(frozen=True)
class SceneInfo:
    """The open scene, as the window needs it.

    Attributes:
        image_width, image_height: of the training images, in pixels; of several sizes the largest of each.
        cameras: (n_train, 4, 4) float32 c2w of the training views.
        camera_fov_y: (n_train,) float64, their vertical fields of view in radians.
        view_names: their names.
        test_cameras, test_fov_y, test_names: the same of the test views.
        times, test_times: (n,) float64, when the views were taken, 0 to 1; None where nothing moves.
        box: the scene's bounds, x0 y0 z0 x1 y1 z1.
        method: what to ask for to have its field and sampler again.
        sampler: the settings of what places samples; see `core.config.methods`.
        train: the settings it was opened with.
        up: the unit vector that points upwards in it.
        points: (n, 3) float32, known points of its surfaces, or None; point_colors: (n, 3) float32 in [0, 1], theirs.
        opened: what to open to have the scene again: a dataset's or a snapshot's full path, or a demo's name.
        opened_place: where it lies if that is opened.
        reading: how to open it.
        sizes: (n_train, 2) int64, each training image's width and height; None: they have one size.
    """

    name: str
    path: str
    format: str
    notes: tuple[str, ...]
    n_train: int
    n_test: int
    image_width: int
    image_height: int
    cameras: np.ndarray
    camera_fov_y: np.ndarray
    view_names: tuple[str, ...]
    test_cameras: np.ndarray
    test_fov_y: np.ndarray
    test_names: tuple[str, ...]
    box: tuple[float, ...]
    method: Overrides
    sampler: Any
    train: TrainSettings
    background: tuple[float, float, float]
    opened: str = ""
    reading: Reading = AS_STORED
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    points: np.ndarray | None = None
    point_colors: np.ndarray | None = None
    opened_place: Place | None = None
    sizes: np.ndarray | None = None
    times: np.ndarray | None = None
    test_times: np.ndarray | None = None

    @property
    def place(self) -> Place:
        """Where it is trained."""
        return Place(self.box, self.train.grid_levels, self.train.march.near_plane, self.up)

    @property
    def bounds(self) -> Box | None:
        """The outermost of its boxes, in which all samples lie; None: they have no end."""
        if self.train.contraction in ENDLESS and not marches_grid(self.sampler):
            return None
        return outer_box(self.box, self.train.grid_levels)

    @property
    def image_sizes(self) -> np.ndarray:
        """Each training image's width and height, (n_train, 2) int64."""
        if self.sizes is not None:
            return self.sizes
        return np.broadcast_to(np.array([self.image_width, self.image_height]), (self.n_train, 2))

    def names(self, split: Split) -> tuple[str, ...]:
        """The names of a split's views."""
        return self.view_names if split is Split.TRAIN else self.test_names

    def time_of(self, photo: PhotoId) -> float | None:
        """When a view was taken; None where nothing moves."""
        times = self.times if photo.split is Split.TRAIN else self.test_times
        return None if times is None else float(times[photo.index])


@dataclass(frozen=True)
class Status:
    """The session at one moment; replaced as a whole.

    Attributes:
        message: what is going on, or what went wrong and what to do; one or two sentences.
        progress: share of loading done, 0 to 1, or None.
        seconds: training time only, without pauses and rendering.
        losses: a curve as pairs (step, value); psnrs: the held-out one.
        device, backend: e.g. "cpu" and "warp (no CUDA device)".
        march: the thresholds training uses now.
        excluded: the training views it leaves out now, by index.
        collapse: what happened, while training has failed because it collapsed.
        former: the run that was trained before this one with another method, while it is kept.
        scene_serial: grows each time another scene (or a reset) takes over, so that the window can reset its camera.
    """

    state: State = State.EMPTY
    message: str = ""
    progress: float | None = None
    step: int = 0
    seconds: float = 0.0
    steps_per_second: float = 0.0
    rays_per_second: float = 0.0
    samples_per_second: float = 0.0
    views_per_second: float = 0.0
    losses: tuple[tuple[int, float], ...] = ()
    psnrs: tuple[Measured, ...] = ()
    device: str = ""
    backend: str = ""
    scene: SceneInfo | None = None
    scene_serial: int = 0
    march: MarchSettings = field(default_factory=MarchSettings)
    excluded: frozenset[int] = frozenset()
    collapse: Collapse | None = None
    former: Run | None = None


@dataclass(frozen=True)
class Notice:
    """Something to tell the user once: a toast, or with `error` a message that stays until it is closed."""

    text: str
    error: bool = False


@dataclass(frozen=True)
class ScreenshotRequest:
    """A picture to save: the view at its own or another size.

    Attributes:
        folder: where it goes; the name is chosen so that no file is overwritten.
        transparent: keep the picture's opacity as alpha instead of the background colour.
    """

    view: ViewRequest
    folder: str
    transparent: bool
