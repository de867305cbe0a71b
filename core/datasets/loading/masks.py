"""Reads masks, and drops the pictures that they hide completely."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.datasets.dataset import Views, list_names
from core.datasets.loading.downscale import whole_blocks
from core.datasets.loading.image_file import Header, nonzero_pixels
from core.datasets.loading.images import run_in_threads
from core.datasets.loading.memory import n_readers
from core.datasets.loading.shots import Shot
from core.errors import DatasetError
from core.geometry.cameras import Camera

Splits = tuple[list[Shot], list[Shot]]


def read_masks(
    splits: Splits,
    headers: Mapping[Path, Header],
    named_by: Path,
    downscale: int,
    fewest: int,
    on_read: Callable[[], None],
) -> tuple[Splits, tuple[str, ...]]:
    """Training and test shots with their masks read, and a note on those that are dropped because a mask hides them
    completely.

    Args:
        named_by: the file that lists them, for messages.
        fewest: training shots that must be left.
        on_read: called after each masked picture.

    Raises:
        DatasetError: a mask can't be read or doesn't fit its picture, or too few pictures are left.
    """
    shots, n_train = [*splits[0], *splits[1]], len(splits[0])
    masked = [index for index, shot in enumerate(shots) if shot.masks]

    def read(number: int) -> None:
        shot = shots[masked[number]]
        shots[masked[number]] = shot._replace(used=_used_pixels(shot, headers[shot.path], downscale))

    run_in_threads(read, len(masked), n_readers([headers[shots[index].path] for index in masked]), on_read)
    train, test = ([shot for shot in some if _shows(shot)] for some in (shots[:n_train], shots[n_train:]))
    lost = [shot.name for shot in shots if not _shows(shot)]
    if not lost:
        return (train, test), ()
    if len(train) < fewest or not test:
        raise DatasetError(
            f"{named_by}: expected masks that leave something of the pictures, found nothing left of {len(lost)} of "
            f"{len(shots)} ({list_names(lost)}): are they inverted, or for other pictures?"
        )
    return (train, test), (
        f"{len(lost)} views are left out because their masks hide them completely: {list_names(lost)}.",
    )


def stack_masks(shots: list[Shot], cameras: Camera) -> Tensor | None:
    """The pixels of shots' images that count, as `Views.used`; None: all.

    Args:
        cameras: the shots' cameras, which know the images' sizes.
    """
    if all(shot.used is None for shot in shots):
        return None
    pieces = [
        np.ones(round(width * height), bool) if shot.used is None else shot.used.ravel()
        for shot, (width, height) in zip(shots, cameras.extent.double().tolist(), strict=True)
    ]
    used = torch.from_numpy(np.concatenate(pieces))
    return used.view(len(shots), cameras.height, cameras.width) if cameras.sizes is None else used


def hidden_note(views: Views) -> tuple[str, ...]:
    """A note on how much of the training views is hidden."""
    if views.used is None:
        return ()
    share = 100.0 * (1.0 - int(views.used.sum()) / views.used.numel())
    return (f"Masks hide {share:.3g} % of the training views; hidden pixels are not trained on.",)


def _shows(shot: Shot) -> bool:
    return shot.used is None or bool(shot.used.any())


def _used_pixels(shot: Shot, header: Header, downscale: int) -> np.ndarray:
    """The pixels that no mask of a shot hides, (height // downscale, width // downscale) bool; a reduced pixel counts
    if its whole block does."""
    used = np.ones((header.height, header.width), bool)
    for mask in shot.masks:
        marked = nonzero_pixels(mask.path)
        if marked.shape != used.shape:
            raise DatasetError(
                f"{mask.path} is {marked.shape[1]}x{marked.shape[0]}: expected {header.width}x{header.height} like "
                f"{shot.path.name}, which it is the mask of; make it in that size"
            )
        used &= ~marked if mask.hides else marked
    return whole_blocks(used, downscale)
