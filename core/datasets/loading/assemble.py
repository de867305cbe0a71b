"""From shots to datasets: reads pictures and masks, as large as memory allows, and places the scene."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from core.config.read_options import ReadOptions
from core.config.types import Box
from core.datasets.bounds.scene_bounds import find_place
from core.datasets.dataset import Dataset, Progress, Views, list_names
from core.datasets.loading.calibration import build_cameras, check_intrinsics
from core.datasets.loading.image_file import Header
from core.datasets.loading.images import read_headers, read_images
from core.datasets.loading.masks import hidden_note, read_masks, stack_masks
from core.datasets.loading.memory import find_downscale
from core.datasets.loading.shots import Shot
from core.errors import DatasetError
from core.geometry.cameras import Camera

FEWEST_VIEWS = 2
"""The fewest training views that anything can be learnt from."""

READING_SHARE = 0.9
"""The share of the opening that reading files takes."""

_MASKS_SHARE = 0.1
"""The share of the opening that reading masks takes, if there are any."""

Depths = Callable[[Camera], tuple[float | None, float | None]]
"""Returns the nearest and farthest depth that cameras see, as far as they are known."""

Pictures = Callable[[list[Shot], list[Header], bool, int, Callable[[], None]], Tensor]
"""Reads the pictures of shots: takes the shots, their headers, whether to read alpha, the factor to reduce by, and a
callback for after each picture; returns them as `read_images` does."""


def read_files(
    shots: list[Shot], headers: list[Header], with_alpha: bool, downscale: int, on_read: Callable[[], None]
) -> Tensor:
    """The pictures of shots that are files; see `read_images`."""
    return read_images([shot.path for shot in shots], headers, with_alpha, downscale, on_read)


def read_posed_headers(
    pictures: Iterable[tuple[Path, tuple[float, float] | None]], named_by: Path
) -> tuple[dict[Path, Header], tuple[str, ...]]:
    """The headers of pictures with known poses, and a note on orientation tags.

    Args:
        pictures: each with the width and height that its pose is for; None if unknown.
        named_by: the file that lists them, for messages.

    Raises:
        DatasetError: see `read_headers`.
    """
    sizes = dict(pictures)
    found = read_headers(list(sizes), named_by)
    headers = {path: header.posed(sizes[path]) for path, header in found.items()}
    tagged = [path for path, header in found.items() if header.orientation != 1]
    turned = [path for path in tagged if headers[path].orientation != 1]
    notes: tuple[str, ...] = ()
    if turned:
        notes += (f"{len(turned)} images are turned as their orientation tags say: the poses are for upright ones.",)
    if left := len(tagged) - len(turned):
        notes += (f"The orientation tags of {left} images are not followed: the poses are for pixels as stored.",)
    return headers, notes


def assemble_dataset(
    opened: Path,
    format_name: str,
    splits: tuple[list[Shot], list[Shot]],
    headers: Mapping[Path, Header],
    named_by: Path,
    reading: ReadOptions,
    progress: Progress,
    notes: tuple[str, ...],
    depths: Depths = lambda cameras: (None, None),
    box: Box | None = None,
    read: Pictures = read_files,
) -> Dataset:
    """Read the pictures of shots and make a dataset of them.

    Args:
        opened: the folder or file that was opened.
        splits: training and test shots.
        headers: the headers of all their pictures.
        named_by: the file or folder that lists them, for messages.
        reading: its downscale applies to the pictures as they are stored; the dataset's is larger where they would not
            fit in memory.
        notes: the notes so far.
        depths: see `Depths`.
        box: the scene's bounds if the files name them; None: they are found.
        read: reads the pictures.

    Raises:
        DatasetError: there are too few training views; see `read_masks` and `read_views`.
    """
    check_view_count(splits[0], named_by)
    downscale, fitted = choose_downscale(splits, headers, reading.downscale)
    n_masked = sum(bool(shot.masks) for shot in (*splits[0], *splits[1]))
    masks_share = _MASKS_SHARE if n_masked else 0.0
    on_mask = count_progress(progress, n_masked, "mask", 0.0, masks_share)
    (train, test), left_out = read_masks(splits, headers, named_by, downscale, FEWEST_VIEWS, on_mask)
    train, test, when = normalize_times(train, test)
    on_read = count_progress(progress, len(train) + len(test), "image", masks_share)
    train_views, cut_off = read_views(train, headers, named_by, downscale, on_read, read)
    test_views, test_cut_off = read_views(test, headers, named_by, downscale, on_read, read)
    progress(1.0, "placing the scene")
    notes += (*fitted, *left_out, *hidden_note(train_views), *dict.fromkeys(cut_off + test_cut_off), *when)
    reading = replace(reading, downscale=downscale)
    name = opened.stem if opened.is_file() else opened.name
    if box is not None:
        return Dataset(name, opened, format_name, train_views, test_views, box, notes, reading)
    found, note = find_place(train_views.cameras, *depths(train_views.cameras))
    return Dataset(
        name,
        opened,
        format_name,
        train_views,
        test_views,
        found.box,
        (*notes, note),
        reading,
        n_levels=found.n_levels,
        near_plane=found.near_plane,
        up=found.up,
    )


def multiply_downscale(dataset: Dataset, factor: int) -> Dataset:
    """The dataset with its downscale multiplied by the factor that its pictures were stored reduced by."""
    reading = dataset.reading
    return replace(dataset, reading=replace(reading, downscale=factor * reading.downscale))


def check_view_count(train: list[Shot], path: Path) -> None:
    """Raise DatasetError if there are too few training views."""
    if len(train) < FEWEST_VIEWS:
        raise DatasetError(
            f"{path}: expected at least {FEWEST_VIEWS} training views besides those held out, found "
            f"{len(train)}: add views"
        )


def choose_downscale(
    splits: Iterable[list[Shot]], headers: Mapping[Path, Header], downscale: int
) -> tuple[int, tuple[str, ...]]:
    """The factor that reduces all pictures of a dataset so that they fit in memory, and a note if it isn't the one that
    was asked for."""
    shots = [shot for split in splits for shot in split]
    bytes_per_pixel = 3 + _with_alpha(headers) + any(shot.masks for shot in shots)
    return find_downscale([headers[shot.path] for shot in shots], bytes_per_pixel, downscale)


def count_progress(
    progress: Progress, n: int, what: str = "image", begin: float = 0.0, end: float = READING_SHARE
) -> Callable[[], None]:
    """A callback for after each of n files, which reports to `progress`.

    Args:
        begin, end: the shares of the opening that are done before the first and after the last.
    """
    done = 0

    def on_read() -> None:
        nonlocal done
        done += 1
        progress(begin + (end - begin) * done / n, f"reading {what} {done} of {n}")

    return on_read


def read_views(
    shots: list[Shot],
    headers: Mapping[Path, Header],
    named_by: Path,
    downscale: int,
    on_read: Callable[[], None],
    read: Pictures = read_files,
) -> tuple[Views, tuple[str, ...]]:
    """Read the pictures of some shots; returns views, and a note on rows and columns that are cut off.

    Args:
        headers: the headers of all pictures of the dataset.
        named_by: the file that lists them, for messages.
        on_read: called after each picture.
        read: reads the pictures.

    Raises:
        DatasetError: see `read`; or intrinsics don't fit the pictures, or a lens can't be undone.
    """
    own = [headers[shot.path] for shot in shots]
    check_intrinsics(shots, own, named_by)
    images = read(shots, own, _with_alpha(headers), downscale, on_read)
    cameras = build_cameras(shots, own, named_by, downscale)
    views = Views(cameras, images, tuple(shot.name for shot in shots), stack_masks(shots, cameras))
    return views, _cut_off_note({header.size for header in own}, downscale)


def normalize_times(train: list[Shot], test: list[Shot]) -> tuple[list[Shot], list[Shot], tuple[str, ...]]:
    """Training and test shots with times from 0 to 1, and a note if the training shots have several times.

    D-NeRF's times (Pumarola et al. 2021) are in this range already; others, such as seconds, are scaled so that the
    first of all shots has 0 and the last 1.
    """
    moments = [shot.time for shot in train if shot.time is not None]
    if len(set(moments)) < 2:
        return train, test, ()
    low, high = min(moments), max(moments)
    note = (
        f"The views carry times, {low:g} to {high:g}, so the field is ngp-t unless another is chosen: it and tnerf "
        "learn what moves; the others blur it."
    )
    everything = [*moments, *(shot.time for shot in test if shot.time is not None)]
    first, last = min(everything), max(everything)
    if first < 0.0 or last > 1.0:
        train, test = (_scale_times(shots, first, last) for shots in (train, test))
        note += f" They are scaled from {first:g} to {last:g} onto 0 to 1."
    return train, test, (note,)


def _scale_times(shots: list[Shot], first: float, last: float) -> list[Shot]:
    return [shot if shot.time is None else shot._replace(time=(shot.time - first) / (last - first)) for shot in shots]


def _with_alpha(headers: Mapping[Path, Header]) -> bool:
    """All images have alpha in memory if one of them has."""
    return any(header.has_alpha for header in headers.values())


def _cut_off_note(sizes: set[tuple[int, int]], downscale: int) -> tuple[str, ...]:
    """A note on columns and rows that the reduction cuts off."""
    cut = sorted(size for size in sizes if size[0] % downscale or size[1] % downscale)
    if not cut:
        return ()
    if len(cut) > 1:
        named = list_names([f"{width}x{height}" for width, height in cut])
        return (f"{named} pixels can't be divided by {downscale}: the remainder at the right and bottom is cut off.",)
    width, height = cut[0]
    return (
        f"{width}x{height} pixels can't be divided by {downscale}: {width % downscale} columns at the right "
        f"and {height % downscale} rows at the bottom are cut off.",
    )
