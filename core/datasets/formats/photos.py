"""Opens plain photos: finds their camera poses by structure from motion (pycolmap, on the CPU).

The poses are kept in the user's cache folder under a hash of the pictures, not among these: opening them again is fast,
and an interrupted search resumes.

pycolmap ignores orientation tags and can't read every picture that we can. If one of the photos needs either, the
search gets copies of all: upright, and at the size that it uses.
"""

import contextlib
import hashlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from core.config.read_options import ReadOptions
from core.datasets.dataset import Dataset, Format, Progress, list_names
from core.datasets.formats import colmap
from core.datasets.loading import pose_search
from core.datasets.loading.image_file import Header, read_image
from core.datasets.loading.images import read_headers
from core.datasets.loading.pose_search import STAGES
from core.datasets.loading.shots import image_folder, list_pictures
from core.errors import DatasetError
from core.files import user_folder

FEWEST_PHOTOS = 3

_LONGEST_SIDE, _FEATURES = 1200, 4096
"""Photos are reduced to at most this many pixels a side for the search, with at most that many features each."""

_READ_BY_PYCOLMAP = ("JPEG", "MPO", "PNG", "BMP", "TIFF")
_COPY = ".png"

_STAGE_ENDS = (0.1, 0.5, 0.9)
"""Where the stages of the search end, as shares of the opening."""

_POLL_SECONDS = 0.2


def recognises(folder: Path) -> bool:
    try:
        return len(list_pictures(image_folder(folder, 1).folder)) >= FEWEST_PHOTOS
    except DatasetError:  # the error is raised where the folder is listed for a message
        return False


def read(folder: Path, reading: ReadOptions, progress: Progress) -> Dataset:
    """Open a folder that `recognises` accepts.

    Raises:
        DatasetError: see `core.datasets.open_dataset`; or the photos have too little in common.
    """
    return dataset_of(folder, image_folder(folder, 1).folder, reading, progress, FORMAT.name)


def dataset_of(opened: Path, pictures: Path, reading: ReadOptions, progress: Progress, format_name: str) -> Dataset:
    """The dataset of the photos in a folder.

    Args:
        opened: the folder or file that was opened.
        pictures: the folder that holds the photos.

    Raises:
        DatasetError: see `read`.
    """
    paths = list_pictures(pictures)
    headers = read_headers(paths, pictures)  # broken pictures are reported before the search
    names = [path.name for path in paths]
    as_they_are = _pycolmap_reads_all(headers)
    model, kept_in = _cached(pictures, names, as_they_are)
    if not model.is_dir():
        _Search(headers, kept_in, as_they_are).run(model, progress)
    if not (model / "cameras.bin").is_file():
        raise DatasetError(
            f"{opened}: expected photos that see the same things from different places, found too little in common "
            f"among these {len(names)}: take more photos, each a small step from the last"
        )

    def after(share: float, text: str) -> None:
        progress(_STAGE_ENDS[-1] + (1.0 - _STAGE_ENDS[-1]) * share, text)

    dataset = colmap.dataset_of(opened, model, pictures, reading, after, format_name, headers=headers)
    turned = sum(header.orientation != 1 for header in headers.values())
    upright = (f"{turned} photos are turned upright, as their orientation tags say.",) if turned else ()
    return replace(dataset, notes=(_placement_note(dataset, names), *upright, *dataset.notes))


FORMAT = Format("photos", f"a folder of at least {FEWEST_PHOTOS} photos", recognises, read, is_fallback=True)


def _pycolmap_reads_all(headers: dict[Path, Header]) -> bool:
    """Whether pycolmap reads all these photos the way we do."""
    return all(header.orientation == 1 and header.kind in _READ_BY_PYCOLMAP for header in headers.values())


def _cached(pictures: Path, names: list[str], as_they_are: bool) -> tuple[Path, Path]:
    """The folder for the poses of these pictures, and the folder that the search works in."""
    digest = hashlib.sha256(f"{_LONGEST_SIDE} {_FEATURES}{'' if as_they_are else ' upright'}".encode())
    for name in names:
        digest.update(name.encode())
        digest.update(hashlib.sha256((pictures / name).read_bytes()).digest())
    folder = user_folder() / "poses" / digest.hexdigest()[:32]
    return folder / "model", folder


def _placement_note(dataset: Dataset, names: list[str]) -> str:
    placed = {*dataset.train.names, *dataset.test.names}
    lost = [name for name in names if name not in placed]
    if not lost:
        return f"All {len(names)} photos were placed."
    return (
        f"{len(placed)} of {len(names)} photos were placed; the others share too little with them: {list_names(lost)}."
    )


class _Search:
    """A search for poses in a process of its own (`pose_search`), with progress, that can be cancelled.

    Args:
        headers: the photos' headers.
        folder: to work in.
        as_they_are: whether pycolmap reads the photos themselves; else it gets copies.
    """

    def __init__(self, headers: dict[Path, Header], folder: Path, as_they_are: bool):
        self._headers, self._folder, self._as_they_are = headers, folder, as_they_are
        self._pictures = next(iter(headers)).parent
        self._stage, self._placed, self._error = STAGES[0], 0, ""

    def run(self, model: Path, progress: Progress) -> None:
        """Search, and write the model to a folder.

        Raises:
            DatasetError: the search failed, or the cache can't be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            pictures, ending = (self._pictures, "") if self._as_they_are else (self._copies(progress), _COPY)
        except OSError as error:
            raise DatasetError(f"{self._folder} can't be written ({error.strerror}): check the user's cache") from error
        asked_for = {
            "pictures": str(pictures),
            "names": self._groups(),
            "ending": ending,
            "work": str(self._work_folder),
            "model": str(model),
            "fewest": FEWEST_PHOTOS,
            "longest_side": _LONGEST_SIDE,
            "n_features": _FEATURES,
        }
        process = subprocess.Popen(
            [sys.executable, "-P", pose_search.__file__],
            text=True,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None and process.stdout is not None  # pipes, as asked for
        with contextlib.suppress(OSError):  # a process that has ended already is handled below
            process.stdin.write(json.dumps(asked_for))
            process.stdin.close()
        listener = threading.Thread(target=self._listen, args=(process.stdout,), name="poses", daemon=True)
        listener.start()
        try:
            while process.poll() is None:
                progress(*self._state())
                time.sleep(_POLL_SECONDS)
        finally:  # what `progress` raises ends the search
            process.kill()
            process.wait()
            listener.join()
            process.stdout.close()
        if process.returncode:
            raise DatasetError(
                f"{self._pictures}: the photos' poses could not be found "
                f"({self._error[:160] or f'the search ended with {process.returncode}'}): open them again to go on"
            )

    def _copies(self, progress: Progress) -> Path:
        """The folder of upright copies; those of an interrupted search are reused."""
        folder = self._work_folder / "upright"
        folder.mkdir(parents=True, exist_ok=True)
        for number, (path, header) in enumerate(self._headers.items(), 1):
            progress(0.0, f"copying photos upright: {number} of {len(self._headers)}")
            copy = folder / (path.name + _COPY)
            if not copy.exists():
                picture = Image.fromarray(read_image(path, False, header.orientation))
                picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
                unfinished = folder / "unfinished"
                picture.save(unfinished, "PNG", compress_level=1)
                unfinished.rename(copy)
        return folder

    def _groups(self) -> list[list[str]]:
        """The names of the photos by size; photos of one size count as taken by one camera."""
        groups: dict[tuple[int, int], list[str]] = {}
        for path, header in self._headers.items():
            groups.setdefault(header.size, []).append(path.name)
        return list(groups.values())

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            kind, _, text = line.strip().partition(" ")
            if kind == "stage":
                self._stage = text
            elif kind == "placed":
                self._placed += 1
            elif kind == "error":
                self._error = text

    @property
    def _work_folder(self) -> Path:
        return self._folder / "search"

    def _state(self) -> tuple[float, str]:
        """The share of the opening that is done, and its state in words."""
        n, stage = len(self._headers), STAGES.index(self._stage)
        begin, end = (0.0, *_STAGE_ENDS)[stage], _STAGE_ENDS[stage]
        total, what = (n * (n - 1) // 2, "pairs") if stage == 1 else (n, "photos")
        done = min(total, self._placed if stage == 2 else self._rows(("keypoints", "two_view_geometries")[stage]))
        return begin + (end - begin) * done / total, f"{self._stage}: {done} of {total} {what}"

    def _rows(self, table: str) -> int:
        """The progress of a stage: the rows of its table."""
        database = self._work_folder / "database.db"
        try:
            with contextlib.closing(
                sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=0.05)
            ) as connection:
                return connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        except sqlite3.Error:  # it doesn't exist yet, or is being written
            return 0
