"""A folder of PNGs, 00000.png and so on, which can be filled up after an interruption."""

import json
from pathlib import Path

import numpy as np

from core.errors import FirstlightError
from core.files import new_file, replace_file
from core.films.base import FilmInfo, FilmKind, explained
from core.films.png import png_bytes
from core.films.spherical import XMP, panorama_xmp

MANIFEST = "film.json"
"""Says which film the frames belong to."""


class PngFolder:
    """See `Film`. A frame gets its name when all of it is written, so killing the program loses no more than one."""

    def __init__(self, path: Path, info: FilmInfo):
        self._path, self._info = path, info
        manifest, own = path / MANIFEST, json.dumps({"film": info.identity, "frames": info.n_frames}, indent=1)
        with explained(path, OSError):
            path.mkdir(parents=True, exist_ok=True)
            if not manifest.exists():
                if any(path.iterdir()):
                    raise FirstlightError(f"{path} is not empty and holds no film of ours: name another folder")
                replace_file(manifest, own)
            elif manifest.read_text(encoding="utf-8") != own:
                raise FirstlightError(
                    f"{path} holds frames of another film, or of another snapshot: name another folder, or go on with "
                    "the settings that it was begun with"
                )
            for leftover in path.glob(".*.unfinished"):
                leftover.unlink(missing_ok=True)

    def has(self, index: int) -> bool:
        """See `Film`."""
        return self._file(index).exists()

    def add(self, index: int, pixels: np.ndarray, note: str) -> None:
        """See `Film`."""
        texts = {"firstlight": note} if note else {}
        if self._info.panorama:
            texts[XMP] = panorama_xmp(self._info.width, self._info.height)
        with new_file(self._file(index)) as file:
            file.write(png_bytes(pixels, texts))

    def finish(self) -> None:
        """See `Film`."""

    def drop(self) -> None:
        """See `Film`."""

    def _file(self, index: int) -> Path:
        return self._path / f"{index:05d}.png"


FILM = FilmKind("folder of PNGs", PngFolder, spherical=True, folder=True)
