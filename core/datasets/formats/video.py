"""Opens a video: its sharpest frames, spread over its length, are used as photos.

They are kept in the user's cache folder under a hash of the video, not beside it. An interrupted selection resumes; the
folder gets its final name when it is complete.
"""

import contextlib
import hashlib
import math
import os
import shutil
import struct
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.config.read_options import ReadOptions
from core.datasets.dataset import Dataset, Format, Progress
from core.datasets.formats import photos
from core.datasets.loading.sharpness import SETTINGS, Sharpest
from core.datasets.loading.shots import list_pictures
from core.errors import DatasetError
from core.files import user_folder

SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")

_CHOOSING_SHARE = 0.15
"""The share of the opening that choosing frames takes."""

_BLOCK = 1 << 22


def recognises(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and os.path.isfile(path)


def read(path: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open a file that `recognises` accepts.

    Raises:
        DatasetError: see `core.datasets.open_dataset`; or the frames have too little in common.
    """
    frames = _frames_of(path, lambda share, text: progress(_CHOOSING_SHARE * share, text))

    def after(share: float, text: str) -> None:
        progress(_CHOOSING_SHARE + (1.0 - _CHOOSING_SHARE) * share, text)

    dataset = photos.dataset_of(path, frames, reading, after, FORMAT.name)
    note = f"The sharpest frames of {len(list_pictures(frames))} equal parts of the video serve as photos."
    return replace(dataset, notes=(note, *dataset.notes))


FORMAT = Format("video", f"a video ({', '.join(SUFFIXES)})", recognises, read, suffixes=SUFFIXES)


def _frames_of(path: Path, progress: Progress) -> Path:
    """The folder of a video's chosen frames.

    Raises:
        DatasetError: it is no video, has too few frames, or the cache can't be written.
    """
    try:
        kept_in = user_folder() / "frames" / _digest(path, progress)
        chosen = kept_in / "frames"
        if not chosen.is_dir():
            unfinished = kept_in / "unfinished"
            unfinished.mkdir(parents=True, exist_ok=True)
            try:
                _choose(path, unfinished, progress)
            except DatasetError:  # nothing of it can be reused
                shutil.rmtree(kept_in, ignore_errors=True)
                raise
            unfinished.rename(chosen)
    except OSError as error:
        where = error.filename or path
        raise DatasetError(
            f"{where} can't be read or written ({error.strerror or error}): check its permissions and the space left"
        ) from error
    return chosen


def _digest(path: Path, progress: Progress) -> str:
    """The name of a video's folder in the cache."""
    digest = hashlib.sha256(SETTINGS.encode())
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            progress(0.0, f"reading {path.name}")
    return digest.hexdigest()[:32]


def _choose(path: Path, folder: Path, progress: Progress) -> None:
    """Write the sharpest frames of a video into a folder."""
    choice, turns, n, share = Sharpest(folder), 0, 0, 0.0
    with contextlib.closing(_decode(path)) as frames:
        for n, (frame, read) in enumerate(frames, 1):
            share = max(share, read)
            progress(share, f"choosing sharp frames: {n} looked at")
            turns = _quarter_turns(path) if n == 1 else turns
            choice.look(frame, turns)
    if n < photos.FEWEST_PHOTOS:
        raise DatasetError(
            f"{path}: expected a video of at least {photos.FEWEST_PHOTOS} frames, found {n}: "
            "film something from several sides"
        )
    choice.finish()


def _decode(path: Path) -> Generator[tuple[np.ndarray, float], None, None]:
    """A video's frames (height, width, 3) uint8, and the share of the file that was read for each.

    Raises:
        DatasetError: it can't be decoded, or not to its end.
    """
    import imageio.v3 as iio

    n, size = 0, max(1, os.path.getsize(path))
    try:
        with path.open("rb") as file, iio.imopen(file, "r", plugin="pyav") as video:
            for frame in video.iter(format="rgb24", thread_type="FRAME"):
                n += 1
                yield frame, min(1.0, file.tell() / size)
    except Exception as error:  # decoders raise all sorts of errors for a broken video
        found = f"one that can't be decoded beyond frame {n}" if n else "nothing that can be decoded"
        raise DatasetError(f"{path}: expected a video, found {found}: copy or export it again") from error


def _quarter_turns(path: Path) -> int:
    """How many quarter turns, counterclockwise, make the frames upright: phones store them as their sensor sees them,
    with a matrix that says how the phone was held."""
    import imageio.v3 as iio

    try:
        with iio.imopen(path, "r", plugin="pyav") as video:
            matrix = video.metadata(index=0).get("DISPLAYMATRIX")
        a, b = (65536, 0) if matrix is None else struct.unpack("<2i", matrix[:8])
    except Exception:  # without the matrix the frames, which decode well, stay as they are
        return 0
    return round(-math.atan2(b, a) / (0.5 * math.pi)) % 4
