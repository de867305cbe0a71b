"""The image table without its widgets: which rows there are, in which order, and where each thumbnail lies."""

import math
import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import takewhile
from pathlib import PurePosixPath

import numpy as np

from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.scene_info import SceneInfo

OLD_SHARE = 0.1
"""A PSNR is old once the step count has grown by more than this share since it was measured."""

LONG_NAME = 12
"""Characters of a name that fit beside the rest of a row."""

Corners = tuple[tuple[float, float], tuple[float, float]]
"""Upper left and lower right corner of a part of a texture, as shares of its width and height."""


class Order(StrEnum):
    """How the rows are sorted."""

    DATASET = "dataset"
    NAME = "name"
    PSNR = "psnr"


def photos_of(scene: SceneInfo) -> list[PhotoId]:
    """All views of a scene: the training views, then the test views."""
    return [PhotoId(split, index) for split in Split for index in range(len(scene.names(split)))]


def labels(names: Sequence[str]) -> list[str]:
    """Short forms of names: the last parts of paths; where these are long, their common prefix becomes an ellipsis."""
    found = [PurePosixPath(name).name or name for name in names]
    if len(found) < 2 or max(map(len, found)) <= LONG_NAME:
        return found
    ends = zip(min(found), max(found), strict=False)  # a prefix that these two share is shared by all between them
    shared = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], ends)).rstrip("0123456789")
    if len(shared) < 2:
        return found
    return [f"…{name.removeprefix(shared)}" for name in found]


def arranged(
    photos: list[PhotoId], names: list[str], psnrs: Sequence[float], split: Split | None, order: Order, descending: bool
) -> list[int]:
    """The indices of the rows to show, sorted.

    Names are sorted naturally (r_2 before r_10). Rows without a PSNR come last in either direction.

    Args:
        psnrs: in dB, NaN where unknown.
        split: show only these views; None: all.
    """
    rows = [row for row, photo in enumerate(photos) if split in (None, photo.split)]
    if order is Order.NAME:
        rows.sort(key=lambda row: _counted(names[row]), reverse=descending)
    elif order is Order.PSNR:
        sign = -1.0 if descending else 1.0
        rows.sort(key=lambda row: math.inf if math.isnan(psnrs[row]) else sign * psnrs[row])
    return rows


def is_old(measured_at: int, step: int) -> bool:
    """Whether a PSNR says little about the present weights: it is of much older ones, or of later ones given up."""
    return not 0 <= step - measured_at <= OLD_SHARE * step


def packed(thumbnails: np.ndarray) -> tuple[np.ndarray, list[Corners]]:
    """All thumbnails (n, height, width, 4) uint8 in one nearly square texture.

    Returns:
        (rows, columns, 4) float32 in [0, 1], and where each lies in it: half a pixel inside its borders, so that
        filtering doesn't bleed its neighbours in.
    """
    n, height, width, _ = thumbnails.shape
    across = max(1, math.ceil(math.sqrt(n * height / width)))
    down = max(1, math.ceil(n / across))
    sheet = np.zeros((down, across, height, width, 4), np.float32)
    sheet.reshape(-1, height, width, 4)[:n] = thumbnails / np.float32(255.0)
    corners = []
    for index in range(n):
        row, column = divmod(index, across)
        low = ((column + 0.5 / width) / across, (row + 0.5 / height) / down)
        high = ((column + 1 - 0.5 / width) / across, (row + 1 - 0.5 / height) / down)
        corners.append((low, high))
    return np.ascontiguousarray(sheet.swapaxes(1, 2)).reshape(down * height, across * width, 4), corners


def _counted(name: str) -> list:
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
