"""What a dataset is, in words: facts with a caption and a text. Angles are in degrees, lengths in scene units."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from core.config.read_options import ReadOptions
from core.datasets import FORMATS
from core.datasets.checks.poses import gaze, view_angles
from core.datasets.dataset import Dataset, Views, list_names
from core.geometry.boxes import sides_of
from core.geometry.lenses import COEFFICIENTS, FISHEYE_COEFFICIENTS, Lens
from core.geometry.placement import up_text

Fact = tuple[str, str]
"""A caption, "" where it continues the fact before, and a text."""

_LEAST_SHARP = 5
"""How many of the least sharp pictures are named."""


def dataset_facts(dataset: Dataset) -> list[Fact]:
    """Where it is, how it was read and why, its views, cameras and place."""
    return [
        ("dataset", str(dataset.path)),
        ("format", _format(dataset)),
        ("training", _views(dataset.train, dataset.reading)),
        ("test", _views(dataset.test, dataset.reading)),
        ("alpha", "yes" if dataset.train.has_alpha else "no"),
        *_on_cameras(dataset),
        *_on_place(dataset),
        *_on_times(dataset.train),
    ]


def memory_facts(image_bytes: int, free_bytes: int | None, asked: int, proposed: int) -> list[Fact]:
    """What the images need, and how they are best opened.

    Args:
        free_bytes: memory that is free beside the images; None if unknown.
        asked, proposed: the factor by which they are reduced, as stored and as opened, and the factor to use.
    """
    free = "an unknown amount" if free_bytes is None else _megabytes(free_bytes)
    if proposed > asked:
        advice = f"{proposed} is proposed: the images would take {_megabytes(image_bytes * (asked / proposed) ** 2)}"
    elif asked > 1:
        advice = f"they are reduced by {asked}: at full size they would need {_megabytes(image_bytes * asked**2)}"
    else:
        advice = "none is needed"
    return [("memory", f"{_megabytes(image_bytes)} for the images, {free} free beside them"), ("downscale", advice)]


def sharpness_facts(names: Sequence[str], ranking: Sequence[tuple[int, float]]) -> list[Fact]:
    """The least sharp training pictures; none where sharpness is unknown."""
    worst = [f"{names[index]} {share:.0%}" for index, share in ranking[:_LEAST_SHARP]]
    return [("sharpness", f"the least sharp: {', '.join(worst)} of the median's")] if worst else []


def _format(dataset: Dataset) -> str:
    """The format and why it was chosen, and what other formats would fit; a fallback fits nearly everything."""
    fitting = [form for form in FORMATS.values() if form.recognises(dataset.path)]
    signature = next((form.signature for form in fitting if form.name == dataset.format), "")
    why = (
        f"its name is {dataset.path.name}"
        if dataset.path.is_file()
        else f"it is {re.sub(r' [(].*[)]$', '', signature)}"
    )
    others = [form.name for form in fitting if form.name != dataset.format and not form.is_fallback]
    also = f"; it could be read as {' or '.join(others)} too, a format that is tried later" if others else ""
    return f"{dataset.format}{f', because {why}' if signature else ''}{also}"


def _views(views: Views, reading: ReadOptions) -> str:
    if not len(views):
        return "no views"
    reduced = f", reduced by {reading.downscale}" if reading.downscale > 1 else ""
    return f"{len(views)} views, {_sizes(views)} pixels{reduced}"


def _sizes(views: Views) -> str:
    """The image size; several sizes with the number of views that have each, the most frequent first."""
    sizes = Counter(tuple(map(round, size)) for size in views.cameras.extent.tolist()).most_common()
    if len(sizes) == 1:
        return "{}x{}".format(*sizes[0][0])
    return list_names([f"{width}x{height} ({n})" for (width, height), n in sizes])


def _on_cameras(dataset: Dataset) -> list[Fact]:
    cameras = dataset.train.cameras
    first = cameras[0]
    focal = float(first.K[0, 0]), float(first.K[1, 1])
    fov = _degrees(first.width, focal[0]), _degrees(first.height, focal[1])
    distances, off_axes = view_angles(cameras, dataset.box)
    return [
        (
            "cameras",
            f"focal length {focal[0]:.2f} x {focal[1]:.2f} pixels, field of view {fov[0]:.1f} x {fov[1]:.1f} degrees",
        ),
        (
            "",
            f"{_range(distances, '.4g')} units from the box's centre, which lies {_range(off_axes, '.1f')} degrees off "
            "their axes",
        ),
        ("", gaze(cameras)),
        ("lens", _lens(first.lens)),
    ]


def _on_place(dataset: Dataset) -> list[Fact]:
    box, near = dataset.box, dataset.near_plane
    levels = f", the first of {dataset.n_levels} nested ones" if dataset.n_levels > 1 else ""
    nothing = f", nothing is nearer than {near:g} units to a camera" if near > 0.0 else ""
    facts = [
        (
            "box",
            f"{_corner(box[:3])} to {_corner(box[3:])}, sides {' x '.join(f'{s:.3g}' for s in sides_of(box))}{levels}",
        ),
        ("", f"{up_text(dataset.up)} is up{nothing}"),
    ]
    if dataset.points is not None:
        facts.append(("points", f"{len(dataset.points):,} on surfaces, seen by several views"))
    return facts


def _on_times(train: Views) -> list[Fact]:
    if train.cameras.times is None:
        return []
    n = len(train.cameras.times.unique())
    return [("times", f"{_range(train.cameras.times, 'g')}, {n} different one{'s' if n > 1 else ''}")]


def _lens(lens: Lens | None) -> str:
    if lens is None:
        return "a pinhole, no distortion"
    names = FISHEYE_COEFFICIENTS if lens.fisheye else COEFFICIENTS
    values = [f"{name} {value:.4g}" for name, value in zip(names, lens.coefficients.tolist(), strict=False) if value]
    return f"{'fisheye' if lens.fisheye else 'perspective'}, {', '.join(values) or 'no distortion'}"


def _degrees(extent: int, focal: float) -> float:
    return math.degrees(2.0 * math.atan(0.5 * extent / focal))


def _range(values: Tensor, digits: str) -> str:
    low, high = (format(float(bound), digits) for bound in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _corner(corner: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in corner) + ")"


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.{1 if n_bytes < 1e8 else 0}f} MB"
