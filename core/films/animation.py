"""Moving pictures that Pillow writes when all frames are there."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.films.base import FilmInfo, durations

MOST_BYTES = 4 << 30
"""Of all frames together: they are kept in memory."""


class Animation:
    """Frames that are kept until the end; it loops.

    Args:
        unit: seconds in which the format counts.
        format: Pillow's name; `options` are for its writer.
        colors: of a frame's palette; 0: it has none.
    """

    def __init__(self, path: Path, info: FilmInfo, unit: float, format: str, options: dict[str, Any], colors: int = 0):
        self._path, self._info, self._unit, self._format, self._options = path, info, unit, format, options
        self._colors = colors
        self._frames: list[Image.Image] = []

    def has(self, index: int) -> bool:
        """See `Film`."""
        return False

    def add(self, index: int, pixels: np.ndarray, note: str) -> None:
        """See `Film`."""
        frame = Image.fromarray(pixels)
        self._frames.append(frame.quantize(self._colors) if self._colors else frame)

    def drop(self) -> None:
        """See `Film`."""

    def finish(self) -> None:
        """See `Film`."""
        lengths = durations(len(self._frames), self._info.fps, self._unit)
        times = [round(1e3 * self._unit * length) for length in lengths]
        with self._path.open("wb") as file:
            self._frames[0].save(
                file, format=self._format, save_all=True, append_images=self._frames[1:], duration=times, loop=0,
                **self._options,
            )  # fmt: skip
