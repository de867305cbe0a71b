"""Opens plain photos: finds out where each was taken from (structure from motion, by pycolmap on the CPU).

What is found is kept in the user's cache folder under a hash of the pictures, not among them: opening them again takes
no time, and a search that was interrupted goes on where it was.
"""

import hashlib
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from core.datasets import colmap
from core.datasets.base import Dataset, Format, Progress
from core.datasets.images import read_header
from core.datasets.shots import image_folder
from core.datasets.transforms import PICTURE_SUFFIXES
from core.errors import DatasetError
from core.user_folder import user_folder

FEWEST_PHOTOS = 3

_LONGEST_SIDE, _FEATURES = 1200, 4096
"""Photos are looked at with at most so many pixels a side, and so many features of each are matched."""

_SHARES = {"looking for features": 0.1, "matching photos": 0.5, "placing photos": 0.9}
"""Where the stages of the search end, as shares of the whole opening."""

_POLL_SECONDS = 0.2


def recognises(folder: Path) -> bool:
    return len(_photos_in(image_folder(folder, 1)[0])) >= FEWEST_PHOTOS


def read(folder: Path, downscale: int, progress: Progress) -> Dataset:
    """Open a folder that `recognises` holds.

    Raises:
        DatasetError: see `core.datasets.open_dataset`; or the photos have too little in common.
    """
    pictures, _ = image_folder(folder, 1)
    names = [path.name for path in _photos_in(pictures)]
    headers = {name: read_header(pictures / name) for name in names}
    model, kept_in = _cached(pictures, names)
    if not (model / "cameras.bin").is_file():
        one_camera = len({header[:2] for header in headers.values()}) == 1
        _Search(pictures, names, kept_in, one_camera).run(model, progress)

    def after(share: float, text: str) -> None:
        progress(0.9 + 0.1 * share, text)

    dataset = colmap.dataset_of(folder, model, pictures, downscale, after, FORMAT.name)
    return replace(dataset, notes=(_found(dataset, names), *dataset.notes))


FORMAT = Format("photos", f"a folder of at least {FEWEST_PHOTOS} photos", recognises, read)


def _photos_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    except OSError:
        return []


def _cached(pictures: Path, names: list[str]) -> tuple[Path, Path]:
    """Where the poses of these pictures are or will be kept, and the folder that the search works in."""
    digest = hashlib.sha256(f"{_LONGEST_SIDE} {_FEATURES}".encode())
    for name in names:
        digest.update(name.encode())
        digest.update(hashlib.sha256((pictures / name).read_bytes()).digest())
    folder = user_folder() / "poses" / digest.hexdigest()[:32]
    return folder / "model", folder


def _found(dataset: Dataset, names: list[str]) -> str:
    placed = {*dataset.train.names, *dataset.test.names}
    lost = [name for name in names if name not in placed]
    if not lost:
        return f"All {len(names)} photos found their place."
    rest = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (
        f"{len(placed)} of {len(names)} photos found their place; too little of the others' is seen in "
        f"{', '.join(lost[:3])}{rest}."
    )


class _Search:
    """A search for poses on a thread of its own, which can be watched and called off."""

    def __init__(self, pictures: Path, names: list[str], folder: Path, one_camera: bool):
        import pycolmap

        self._pycolmap = pycolmap
        pycolmap.logging.minloglevel = 3
        self._pictures, self._names, self._folder, self._one_camera = pictures, names, folder, one_camera
        self._token = pycolmap.CancellationToken()
        self._stage = next(iter(_SHARES))
        self._placed = 0
        self._error: Exception | None = None

    def run(self, model: Path, progress: Progress) -> None:
        """Search, and write the model to a folder, as a whole or not at all.

        Raises:
            DatasetError: the photos have too little in common, or the cache can't be written.
        """
        thread = threading.Thread(target=self._work, args=(model,), name="poses", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                progress(*self._state())
                thread.join(_POLL_SECONDS)
        except BaseException:
            self._token.cancel()
            thread.join()
            raise
        if self._error is not None:
            raise self._error

    def _work(self, model: Path) -> None:
        try:
            self._search(model)
        except DatasetError as error:
            self._error = error
        except OSError as error:
            self._error = DatasetError(
                f"{self._folder} can't be used ({error.strerror}): check the user's cache folder"
            )
        except Exception as error:  # pycolmap raises whatever its C++ threw
            text = " ".join(str(error).split())
            self._error = DatasetError(f"{self._pictures}: the photos' poses can't be found ({text:.160})")

    def _search(self, model: Path) -> None:
        pycolmap = self._pycolmap
        self._work_folder.mkdir(parents=True, exist_ok=True)
        extraction, matching = pycolmap.FeatureExtractionOptions(), pycolmap.FeatureMatchingOptions()
        extraction.use_gpu = matching.use_gpu = False
        extraction.max_image_size, extraction.sift.max_num_features = _LONGEST_SIDE, _FEATURES
        reader = pycolmap.ImageReaderOptions()
        reader.camera_model = "OPENCV"
        mode = pycolmap.CameraMode.SINGLE if self._one_camera else pycolmap.CameraMode.PER_IMAGE
        pycolmap.extract_features(
            self._database, self._pictures, self._names, mode, reader, extraction, cancellation_token=self._token
        )
        self._stage = "matching photos"
        pycolmap.match_exhaustive(self._database, matching, cancellation_token=self._token)
        self._stage = "placing photos"
        found = pycolmap.incremental_mapping(
            self._database,
            self._pictures,
            self._work_folder,
            next_image_callback=self._on_placed,
            initial_image_pair_callback=self._on_placed,
            cancellation_token=self._token,
        )
        if self._token.is_cancelled:
            return
        best = max(found.values(), key=lambda each: each.num_reg_images(), default=None)
        if best is None or best.num_reg_images() < FEWEST_PHOTOS:
            raise DatasetError(
                f"{self._pictures}: expected photos that see the same things from different places, found too little "
                f"in common among these {len(self._names)}: take more photos, each a small step from the last"
            )
        unfinished = model.with_name("unfinished")
        unfinished.mkdir(exist_ok=True)
        best.write_binary(unfinished)
        unfinished.rename(model)
        shutil.rmtree(self._work_folder, ignore_errors=True)  # hundreds of megabytes that nobody needs any more

    @property
    def _work_folder(self) -> Path:
        return self._folder / "search"

    @property
    def _database(self) -> Path:
        return self._work_folder / "database.db"

    def _on_placed(self) -> None:
        self._placed += 1

    def _state(self) -> tuple[float, str]:
        """The share of the opening that is done, and in words."""
        n, stage = len(self._names), self._stage
        stages = list(_SHARES)
        begin = 0.0 if stage == stages[0] else _SHARES[stages[stages.index(stage) - 1]]
        total = n * (n - 1) // 2 if stage == "matching photos" else n
        done = min(total, self._placed if stage == "placing photos" else self._rows(stage))
        what = "pairs" if stage == "matching photos" else "photos"
        return begin + (_SHARES[stage] - begin) * done / total, f"{stage}: {done} of {total} {what}"

    def _rows(self, stage: str) -> int:
        """How far a stage is, which its tables tell."""
        table = "keypoints" if stage == "looking for features" else "two_view_geometries"
        try:
            with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=0.05)) as database:
                return database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        except sqlite3.Error:  # not made yet, or being written to
            return 0
