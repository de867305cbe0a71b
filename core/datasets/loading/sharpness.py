"""The sharpness of pictures, and the sharpest of a long sequence such as a video's frames."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from core.datasets.loading.shots import list_pictures
from core.files import replace_file

MOST_KEPT = 100
"""The most pictures of a sequence that are kept, an even number; at least half as many if it is long enough."""

_CANDIDATES = 8
"""At least this many pictures of a long run are measured, evenly spread."""

_LOOKED_AT = 1200
"""Pixels a side at which sharpness is measured, about as many as features are extracted at."""

_QUALITY = 95
_STATE = "state.json"

SETTINGS = f"{MOST_KEPT} {_CANDIDATES} {_LOOKED_AT} {_QUALITY}"
"""Everything the selection depends on besides the sequence."""


def sharpness(grey: np.ndarray, mask: np.ndarray | None = None) -> float:
    """The variance of the Laplacian of a grey picture, or of bands of one, (..., height, width) float32, relative to
    the picture's own variance, where its mask is True; 1 if fewer than two pixels count. In numpy, to leave training's
    threads alone."""
    middle = grey[..., 1:-1, 1:-1]
    around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
    edges = around - 4.0 * middle
    if mask is not None:
        inside = mask[..., 1:-1, 1:-1]
        edges, middle = edges[inside], middle[inside]
    if middle.size < 2:  # a variance needs two
        return 1.0
    return float(edges.var() / max(middle.var(), 1.0))


class Sharpest:
    """Keeps the sharpest picture of each run of a sequence in a folder; all runs are equally long.

    The sequence's length is unknown until its end: a run is one picture at first, and whenever there are too many runs,
    each pair is merged. After each run the folder contains what is needed to resume; the caller then passes the same
    sequence again from its start.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._length, self._kept = self._restore()
        self._drop_others()
        self._seen, self._known = 0, self._length * len(self._kept)
        self._best: tuple[float, int, np.ndarray] | None = None

    def look(self, picture: np.ndarray, turns: int = 0) -> None:
        """Take the next picture (height, width, 3) uint8; it is kept turned by this many quarter turns."""
        index, self._seen = self._seen, self._seen + 1
        if index < self._known:
            return
        if index % max(1, self._length // _CANDIDATES) == 0:
            found = _sharpness_of(picture)
            if self._best is None or found > self._best[0]:
                self._best = found, index, np.rot90(picture, turns)
        if self._seen % self._length == 0:
            self._end_run()

    def finish(self) -> None:
        """Leave only the pictures; the last run has one if at least half of it was seen."""
        while self._best is not None and 2 * (self._seen % self._length) >= self._length:
            self._end_run()
        (self._folder / _STATE).unlink(missing_ok=True)

    def _end_run(self) -> None:
        if len(self._kept) == MOST_KEPT:  # the present run becomes the first half of one twice as long
            self._kept = [max(pair) for pair in zip(self._kept[::2], self._kept[1::2], strict=True)]
            self._length *= 2
        else:
            assert self._best is not None  # the first picture of each run is looked at
            found, index, picture = self._best
            Image.fromarray(np.ascontiguousarray(picture)).save(self._path(index), quality=_QUALITY, subsampling=0)
            self._kept.append((found, index))
            self._best = None
        self._remember()

    def _path(self, index: int) -> Path:
        return self._folder / f"frame_{index:06d}.jpg"

    def _remember(self) -> None:
        replace_file(self._folder / _STATE, json.dumps({"length": self._length, "kept": self._kept}))
        self._drop_others()

    def _drop_others(self) -> None:
        kept = {self._path(index) for _, index in self._kept}
        for path in list_pictures(self._folder):
            if path not in kept:
                path.unlink()

    def _restore(self) -> tuple[int, list[tuple[float, int]]]:
        """The runs' length, and the sharpness and index of the picture kept of each, at the time of the
        interruption."""
        try:
            state = json.loads((self._folder / _STATE).read_text(encoding="utf-8"))
            length, kept = int(state["length"]), [(float(found), int(index)) for found, index in state["kept"]]
        except (OSError, ValueError, KeyError, TypeError):  # missing or broken
            return 1, []
        whole = length >= 1 and all(self._path(index).is_file() for _, index in kept)
        return (length, kept) if whole else (1, [])


def _sharpness_of(picture: np.ndarray) -> float:
    """The sharpness of a picture (height, width, 3) uint8 at about the size that features are extracted at."""
    grey = Image.fromarray(picture).convert("L")
    grey = grey.reduce(max(1, round(max(grey.size) / _LOOKED_AT)))
    return sharpness(np.asarray(grey, np.float32))
