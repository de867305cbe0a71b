"""Finds out where photos were taken, as a program of its own: a crash or an end of pycolmap's native code takes nothing
else along, and its SQLite doesn't meet Python's in one process, whose locks would undo each other.

Reads a JSON object, the arguments of `search`, from its standard input, and prints a line whenever it gets further:
"stage NAME", "placed", or at last "error TEXT".
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
    """Search, and write the largest model that is found to a folder, as a whole or not at all.

    Args:
        pictures: the folder of the photos; names: theirs, in groups of one size, each taken with one camera.
        ending: what the photos' names end in there beside their own names; the model knows them without it.
        work: a folder for what is known so far; a search that was interrupted goes on from there.
        model: the folder to make.
        fewest: photos that a model must place to be kept; without one, the folder stays empty.
        longest_side: photos are looked at with at most so many pixels a side.
        n_features: of each photo, at most.
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
    _tell(f"stage {STAGES[0]}")
    for alike in names:
        stored = [name + ending for name in alike]
        pycolmap.extract_features(database, pictures, stored, pycolmap.CameraMode.SINGLE, reader, extraction)
    _tell(f"stage {STAGES[1]}")
    pycolmap.match_exhaustive(database, matching)
    _tell(f"stage {STAGES[2]}")
    found = pycolmap.incremental_mapping(
        database,
        pictures,
        work,
        initial_image_pair_callback=lambda: _tell("placed"),
        next_image_callback=lambda: _tell("placed"),
    )
    best = max(found.values(), key=lambda each: each.num_reg_images(), default=None)
    unfinished = Path(model).with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a search that was ended just then
    unfinished.mkdir()
    if best is not None and best.num_reg_images() >= fewest:
        for image in best.images.values():
            image.name = image.name.removesuffix(ending)
        best.write_binary(unfinished)
    unfinished.rename(model)
    shutil.rmtree(work, ignore_errors=True)  # hundreds of megabytes that nobody needs any more


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    requests = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)  # whoever waits may use the window meanwhile
    try:
        search(**json.load(requests))
    except Exception as error:  # pycolmap raises whatever its C++ threw
        _tell(f"error {' '.join(str(error).split()) or type(error).__name__}")
        sys.exit(1)
