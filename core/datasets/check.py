"""Looks a dataset over before anyone trains on it: what it is, what it needs, and what seems wrong with it."""

import math
from dataclasses import dataclass
from pathlib import Path

from core.datasets import open_dataset
from core.datasets.base import Dataset, Progress, Views
from core.datasets.images import free_memory
from core.datasets.judging import towards_centre, warnings_on
from core.lenses import COEFFICIENTS, FISHEYE_COEFFICIENTS, Lens
from core.reading import AS_STORED, Reading
from core.settings import Box


@dataclass(frozen=True)
class Report:
    """What `check_dataset` found. Angles are in degrees, lengths in scene units.

    Attributes:
        train_size, test_size: width and height in pixels, as opened (after the reduction).
        focal: horizontal and vertical, in pixels.
        fov: horizontal and vertical.
        distances: the smallest and largest distance of a training camera from the box's centre.
        off_centre: the smallest and largest angle between a training camera's axis and the box's centre.
        image_bytes: memory of the images as they are kept; free_bytes: what is free beside them, None if unknown.
        lens: of the first training camera.
        notes: what the reader decided; warnings: what seems wrong.
        dataset: what was looked over.
    """

    path: Path
    format: str
    reading: Reading
    n_train: int
    n_test: int
    train_size: tuple[int, int]
    test_size: tuple[int, int]
    has_alpha: bool
    focal: tuple[float, float]
    fov: tuple[float, float]
    distances: tuple[float, float]
    off_centre: tuple[float, float]
    box: Box
    image_bytes: int
    free_bytes: int | None
    lens: Lens | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    dataset: Dataset

    def lines(self) -> list[str]:
        """The report as text, one line per fact."""
        free = "unknown" if self.free_bytes is None else f"{self.free_bytes / 1e6:,.0f} MB"
        factor = self.reading.downscale
        reduced = f", opened with --downscale {factor}" if factor > 1 else ""
        levels, up, near = self.dataset.n_levels, self.dataset.up, self.dataset.near_plane
        sides = (f"{high - low:.3g}" for low, high in zip(self.box[:3], self.box[3:], strict=True))
        return [
            f"dataset    {self.path}",
            f"format     {self.format}",
            f"training   {self.n_train} views, {_size(self.train_size)} pixels{reduced}",
            f"test       {self.n_test} views, {_size(self.test_size)} pixels{reduced}",
            f"alpha      {'yes' if self.has_alpha else 'no'}",
            f"cameras    focal length {self.focal[0]:.2f} x {self.focal[1]:.2f} pixels, "
            f"field of view {self.fov[0]:.1f} x {self.fov[1]:.1f} degrees",
            f"           {_range(self.distances, '.4g')} units from the box's centre, "
            f"which lies {_range(self.off_centre, '.1f')} degrees off their axes",
            f"lens       {_lens(self.lens)}",
            f"box        {_corner(self.box[:3])} to {_corner(self.box[3:])}, sides {' x '.join(sides)}"
            + (f", the first of {levels} nested ones" if levels > 1 else ""),
            f"           {_corner(up)} is up"
            + (f", nothing is nearer than {near:g} units to a camera" if near > 0.0 else ""),
            *_times(self.dataset.train),
            f"memory     {self.image_bytes / 1e6:,.1f} MB for the images, {free} free beside them",
            *(f"note       {note}" for note in self.notes),
            *(f"warning    {warning}" for warning in self.warnings),
            f"verdict    {self.verdict}",
        ]

    @property
    def verdict(self) -> str:
        """One sentence: whether to train on it."""
        if not self.warnings:
            return "sound: nothing speaks against training on it"
        n = len(self.warnings)
        return f"can be trained on, but {n} thing{'s' if n > 1 else ''} above may spoil the result"


def check_dataset(path: str | Path, reading: Reading = AS_STORED, progress: Progress | None = None) -> Report:
    """Open a dataset wholly, every image too, and report on it.

    Args:
        path, reading, progress: as for `core.datasets.open_dataset`.

    Raises:
        DatasetError: it can't be opened; the message says what is wrong.
    """
    dataset = open_dataset(path, reading, progress)
    cameras = dataset.train.cameras
    distances, angles = towards_centre(cameras, dataset.box)
    K = cameras.K[0]
    fov = (_degrees(cameras.width, float(K[0, 0])), _degrees(cameras.height, float(K[1, 1])))
    return Report(
        path=dataset.path,
        format=dataset.format,
        reading=reading,
        n_train=len(dataset.train),
        n_test=len(dataset.test),
        train_size=(cameras.width, cameras.height),
        test_size=(dataset.test.cameras.width, dataset.test.cameras.height),
        has_alpha=dataset.train.has_alpha,
        focal=(float(K[0, 0]), float(K[1, 1])),
        fov=fov,
        distances=(float(distances.min()), float(distances.max())),
        off_centre=(float(angles.min()), float(angles.max())),
        box=dataset.box,
        image_bytes=dataset.train.images.nbytes + dataset.test.images.nbytes,
        free_bytes=free_memory(),
        lens=cameras[0].lens,
        notes=dataset.notes,
        warnings=tuple(warnings_on(dataset)),
        dataset=dataset,
    )


def _times(train: Views) -> list[str]:
    times = train.cameras.times
    if times is None:
        return []
    n = len(times.unique())
    low, high = float(times.min()), float(times.max())
    return [f"times      {_range((low, high), 'g')}, {n} different one{'s' if n > 1 else ''}"]


def _lens(lens: Lens | None) -> str:
    if lens is None:
        return "a pinhole, no distortion"
    names = FISHEYE_COEFFICIENTS if lens.fisheye else COEFFICIENTS
    values = [f"{name} {value:.4g}" for name, value in zip(names, lens.coefficients.tolist(), strict=False) if value]
    return f"{'fisheye' if lens.fisheye else 'perspective'}, {', '.join(values) or 'no distortion'}"


def _degrees(extent: int, focal: float) -> float:
    return math.degrees(2.0 * math.atan(0.5 * extent / focal))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _range(bounds: tuple[float, float], digits: str) -> str:
    low, high = (format(bound, digits) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _corner(corner: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in corner) + ")"
