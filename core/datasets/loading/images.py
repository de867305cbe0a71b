"""Reads the pictures of a dataset, reducing each at once, so that only a few are in memory at full size."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.datasets.dataset import list_names
from core.datasets.loading.downscale import box_filter
from core.datasets.loading.image_file import Header, picture_error, read_header, read_image
from core.datasets.loading.memory import n_readers
from core.errors import DatasetError

_MOST_NAMES = 8
"""How many pictures a message names, besides the first."""


def read_headers(paths: Sequence[Path], named_by: Path) -> dict[Path, Header]:
    """The headers of pictures.

    Args:
        named_by: the file that lists the pictures, for messages.

    Raises:
        DatasetError: pictures are missing or broken.
    """
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        raise DatasetError(
            f"{missing[0]} is missing: {len(missing)} of the {len(paths)} images that {named_by} names do not exist"
            f"{_others(missing)}; restore them or remove their frames"
        )
    headers, failures = {}, []
    for path in paths:
        try:
            headers[path] = read_header(path)
        except DatasetError as error:
            failures.append((path, error))
    _refuse(failures)
    return headers


def read_images(
    paths: Sequence[Path], headers: Sequence[Header], with_alpha: bool, downscale: int, on_read: Callable[[], None]
) -> Tensor:
    """All pictures, as `Views.images`.

    Args:
        headers: how each is to be read.
        on_read: called on this thread after each picture; an exception it raises ends the reading.

    Raises:
        DatasetError: a picture can't be read, they don't fit in memory, or `downscale` leaves no pixel.
    """
    sizes = [reduced_size(header, downscale, path) for path, header in zip(paths, headers, strict=True)]
    n_channels = 4 if with_alpha else 3
    ends = np.cumsum([height * width for height, width in sizes])
    try:
        pixels = np.empty((ends[-1] if sizes else 0, n_channels), np.uint8)
    except MemoryError as error:  # free memory may be unknown beforehand
        raise DatasetError(
            f"{paths[0].parent}: its images need {ends[-1] * n_channels / 1e9:.1f} GB, which the system refused: "
            f"--downscale {2 * downscale} takes a quarter"
        ) from error

    failures: dict[int, DatasetError] = {}

    def read(index: int) -> None:
        try:
            image = read_image(paths[index], with_alpha, headers[index].orientation)
            if image.shape[1::-1] != headers[index].size:
                raise picture_error(
                    paths[index], ValueError(f"its size is not the {headers[index].size} that it began with")
                )
        except DatasetError as error:
            failures[index] = error
            return
        (height, width), end = sizes[index], ends[index]
        pixels[end - height * width : end] = box_filter(image, downscale).reshape(-1, n_channels)

    run_in_threads(read, len(paths), n_readers(headers), on_read)
    _refuse([(paths[index], failures[index]) for index in sorted(failures)])
    images = torch.from_numpy(pixels)
    return images.view(len(paths), *sizes[0], n_channels) if len(set(sizes)) == 1 else images


def run_in_threads(work: Callable[[int], None], n: int, n_threads: int, on_done: Callable[[], None]) -> None:
    """Call `work` with 0 to n - 1 on some threads.

    Args:
        on_done: called on this thread after each; an exception it raises ends the work.
    """
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="read-images")
    try:
        for _ in pool.map(work, range(n)):
            on_done()
    finally:
        pool.shutdown(cancel_futures=True)


def _refuse(failures: Sequence[tuple[Path, DatasetError]]) -> None:
    """Raise one error for all pictures that can't be read: repairing a dataset takes all their names at once."""
    if failures:
        paths, errors = zip(*failures, strict=True)
        raise DatasetError(f"{errors[0]}{_others(paths)}") from errors[0]


def _others(paths: Sequence[Path]) -> str:
    """The names of all but the first, as many as fit a line."""
    return f" (also {list_names([path.name for path in paths[1:]], _MOST_NAMES)})" if len(paths) > 1 else ""


def reduced_size(header: Header, downscale: int, path: Path) -> tuple[int, int]:
    """Height and width of a picture after reduction by a factor.

    Args:
        path: the picture's, for messages.

    Raises:
        DatasetError: no pixel would be left.
    """
    height, width = header.height // downscale, header.width // downscale
    if not (height and width):
        raise DatasetError(
            f"downscale {downscale} is larger than the images of {header.width}x{header.height} "
            f"({path}): choose at most {min(header.size)}"
        )
    return height, width
