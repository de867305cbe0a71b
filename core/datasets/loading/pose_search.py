"""Finds the poses of photos, as a program of its own: a crash of pycolmap's native code takes nothing else down, and
its SQLite isn't in one process with Python's, where closing one would drop the other's locks.

Reads a JSON object with the arguments of `search` from standard input, and prints a line at each step of progress:
"stage NAME", "placed", or finally "error TEXT".
"""

import contextlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

STAGES = ("looking for features", "matching photos", "placing photos")


def search(
    pictures: str,
    names: list[list[str]],
    ending: str,
    work: str,
    model: str,
    fewest: int,
    longest_side: int,
    n_features: int,
) -> None:
    """Search, and write the largest model that is found to a folder, completely or not at all.

    Args:
        pictures: the photos' folder.
        names: the photos' names, in groups of one size, each of which counts as taken by one camera.
        ending: appended to the photos' names in that folder; the model has the names without it.
        work: a folder for intermediate results; an interrupted search resumes from it.
        model: the folder to make.
        fewest: photos that a model must place to be kept; if none does, the folder stays empty.
        longest_side: photos are reduced to at most this many pixels a side.
        n_features: the most features of each photo.
    """
    import pycolmap

    pycolmap.logging.minloglevel = 3
    Path(work).mkdir(parents=True, exist_ok=True)
    database = Path(work) / "database.db"
    extraction, matching = pycolmap.FeatureExtractionOptions(), pycolmap.FeatureMatchingOptions()
    extraction.use_gpu = matching.use_gpu = False
    extraction.max_image_size, extraction.sift.max_num_features = longest_side, n_features
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "OPENCV"
    _report(f"stage {STAGES[0]}")
    for alike in names:
        stored = [name + ending for name in alike]
        pycolmap.extract_features(database, pictures, stored, pycolmap.CameraMode.SINGLE, reader, extraction)
    _report(f"stage {STAGES[1]}")
    pycolmap.match_exhaustive(database, matching)
    _report(f"stage {STAGES[2]}")
    found = pycolmap.incremental_mapping(
        database,
        pictures,
        work,
        initial_image_pair_callback=lambda: _report("placed"),
        next_image_callback=lambda: _report("placed"),
    )
    best = max(found.values(), key=lambda each: each.num_reg_images(), default=None)
    unfinished = Path(model).with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a search that was killed at this point
    unfinished.mkdir()
    if best is not None and best.num_reg_images() >= fewest:
        for image in best.images.values():
            image.name = image.name.removesuffix(ending)
        best.write_binary(unfinished)
    unfinished.rename(model)
    shutil.rmtree(work, ignore_errors=True)  # hundreds of megabytes, no longer needed


def _report(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    requests = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)  # leave the window responsive meanwhile
    try:
        search(**json.load(requests))
    except Exception as error:  # pycolmap passes on whatever its C++ throws
        _report(f"error {' '.join(str(error).split()) or type(error).__name__}")
        sys.exit(1)
