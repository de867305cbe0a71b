"""Checks a dataset: prints the report, and draws the dataset if a file is named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from core.commands.progress import Bar, progress_bars
from core.config.read_options import ReadOptions
from core.datasets.checks.dataset_check import check_dataset
from core.datasets.checks.drawing import save_drawing
from core.files import check_new_file


def main(dataset: str, reading: ReadOptions, output: str | Path | None, place: Mapping[str, Any]) -> int:
    """Print what a dataset is, what it needs and what seems wrong with it.

    Args:
        output: a new .png to draw the dataset into.
        place: values of `PlaceOverrides` by name.

    Returns:
        The exit code, 0.

    Raises:
        FirstlightError: the dataset can't be opened, or the drawing exists or can't be written.
        ValueError: nothing could be learnt in the place, or the drawing isn't to be a .png.
    """
    picture = None if output is None else check_new_file(output, (".png",), needs_folder=True)
    with progress_bars(Console(stderr=True)) as bars:
        report = check_dataset(dataset, reading, Bar(bars, "looking").update, place)
    print("\n".join(report.lines()))
    if picture is not None:
        save_drawing(picture, report.dataset)
        print(f"see {picture}")
    return 0
