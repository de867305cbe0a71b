"""The open scene as the window knows it: its views, its box, its method; no torch object."""

from dataclasses import dataclass

import numpy as np

from core.config.contractions import ENDLESS
from core.config.read_options import AS_STORED, ReadOptions
from core.config.training import TrainSettings
from core.config.types import Box
from core.flights.album import Album
from core.geometry.boxes import outer_box
from core.geometry.placement import Place
from core.samplers.base import SamplerSettings
from core.training.build import Overrides
from viewer.protocol.requests import PhotoId, Split


@dataclass(frozen=True)
class SceneInfo:
    """The open scene as the window needs it.

    Attributes:
        image_width, image_height: the training images' size in pixels; of several sizes the largest width and height.
        cameras: (n_train, 4, 4) float32 c2w of the training views.
        camera_fov_y: (n_train,) float64, their vertical fields of view in radians.
        view_names: their names.
        test_cameras, test_fov_y, test_names: the same for the test views.
        times, test_times: (n,) float64, when the views were taken, 0 to 1; None where nothing moves.
        box: the scene's bounds, x0 y0 z0 x1 y1 z1.
        method: the overrides that choose its field and sampler again.
        sampler: the sampler's settings; see `core.training.methods`.
        train: the settings it was opened with.
        up: the unit vector that points upwards in the scene.
        points: (n, 3) float32, known points on surfaces, or None; point_colors: (n, 3) float32 in [0, 1], or None.
        opened: what to open to get the scene again: the full path of a dataset or a snapshot, or a demo's name.
        opened_place: its place when that is opened.
        reading: the options to open it with.
        album: bookmarks and camera path that the opened snapshot keeps.
        sizes: (n_train, 2) int64, each training image's width and height; None: all have one size.
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
    box: Box
    method: Overrides
    sampler: SamplerSettings
    train: TrainSettings
    background: tuple[float, float, float]
    opened: str = ""
    reading: ReadOptions = AS_STORED
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    points: np.ndarray | None = None
    point_colors: np.ndarray | None = None
    opened_place: Place | None = None
    sizes: np.ndarray | None = None
    times: np.ndarray | None = None
    test_times: np.ndarray | None = None
    album: Album | None = None

    @property
    def place(self) -> Place:
        """The place that is trained in."""
        return Place(self.box, self.train.grid_levels, self.train.march.near_plane, self.up)

    @property
    def bounds(self) -> Box | None:
        """The outermost of its boxes, in which all samples lie; None: samples lie everywhere."""
        if self.train.contraction in ENDLESS and not self.sampler.marches_grid:
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
