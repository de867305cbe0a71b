"""The result of a sweep over one threshold: its points, knee, range and CSV file. Plain numbers, no torch."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.scale import Scale
from core.config.setting import Setting, settings_of
from core.config.types import Box
from core.files import new_file
from core.geometry.boxes import distances_to_box
from core.samplers import SAMPLERS
from core.samplers.base import SamplerSettings
from core.samplers.occupancy import OccupancySettings

KNEE_DECIBELS = 40.0
"""A picture this close to the one with thresholds off looks the same: its RMS error is 1% of full scale."""

_STEPS_ALONG_DIAGONAL = (1536, 12)
"""A sweep of the step size goes from this many to this few steps along the scene's diagonal."""

_NEARBY = 0.02
"""A click within this share of the axis selects the point."""


@dataclass(frozen=True)
class SweepPoint:
    """The picture at one value. The fields are the columns of sweep.csv.

    Attributes:
        value: of the swept setting.
        ms: milliseconds of rendering the picture, the median of its repeats.
        samples_per_ray: composited samples, the mean over all rays.
        density_evaluations, color_evaluations: counts for the whole picture.
        psnr_vs_off: in dB, against the same view with thresholds off; inf if the pictures are equal.
    """

    value: float
    ms: float
    samples_per_ray: float
    density_evaluations: int
    color_evaluations: int
    psnr_vs_off: float

    @property
    def evaluations(self) -> int:
        return self.density_evaluations + self.color_evaluations


@dataclass(frozen=True)
class SweepCurve:
    """A sweep, or as much of it as is finished.

    Attributes:
        name: the swept field of `MarchSettings`.
        scale: the swept range; figures use it as their horizontal axis.
        present: the view's own value.
        n_rays: rays per picture.
        points: by ascending value.
    """

    name: str
    scale: Scale
    present: float
    n_rays: int
    points: tuple[SweepPoint, ...] = ()

    @property
    def knee(self) -> SweepPoint | None:
        """The fastest value whose picture looks the same as with thresholds off; None if there is none.

        Among the points with at least `KNEE_DECIBELS` against thresholds off, it has the fewest density and colour
        evaluations together, and among equals the highest PSNR. Evaluations decide rather than milliseconds, because
        they are the same on every machine and in every run.
        """
        faithful = [point for point in self.points if point.psnr_vs_off >= KNEE_DECIBELS]
        return min(faithful, key=lambda point: (point.evaluations, -point.psnr_vs_off), default=None)

    def value_at(self, position: float) -> float:
        """The value that a click at a position of the axis selects: that of a point close by, or else the
        position's."""
        nearest = min(self.points, key=lambda point: abs(self.scale.position(point.value) - position), default=None)
        if nearest is not None and abs(self.scale.position(nearest.value) - position) <= _NEARBY:
            return nearest.value
        return self.scale.value(min(1.0, max(0.0, position)))

    def drawn_decibels(self) -> tuple[list[float], float, float]:
        """PSNRs as a figure draws them, and its axis's limits; pictures equal to the reference are drawn above all
        others."""
        finite = [point.psnr_vs_off for point in self.points if math.isfinite(point.psnr_vs_off)]
        low, high = min([KNEE_DECIBELS - 10.0, *finite]), max([KNEE_DECIBELS + 10.0, *finite])
        ceiling, air = high + 0.12 * (high - low), 0.06 * (high - low)
        return [min(point.psnr_vs_off, ceiling) for point in self.points], low - air, ceiling + air


def swept_setting(
    name: str,
    march: MarchSettings,
    box: Box,
    position: Sequence[float],
    sampler: SamplerSettings = OccupancySettings(),
) -> Setting:
    """A threshold's setting with its range narrowed to what is worth rendering.

    - The step size runs from 1/1536 to 1/12 of the box's diagonal: the fine end of its whole range would take hours.
    - The near and far planes run linearly between the box's nearest and farthest points from the camera, beyond which
      they change nothing. The near plane stays in front of the far plane.
    - The other thresholds keep the range of their sliders.

    Args:
        box: the scene's bounds, x0 y0 z0 x1 y1 z1.
        position: the camera's.
        sampler: the sampler's settings.

    Raises:
        ValueError: the name is none of `MARCH_NUMBERS`, the sampler doesn't use it, or the planes leave no range.
    """
    if name not in MARCH_NUMBERS:
        raise ValueError(f"{name!r} can't be swept: choose one of {', '.join(MARCH_NUMBERS)}")
    if name not in (swept := swept_names(sampler)):
        kind = SAMPLERS.name_of(sampler)
        raise ValueError(f"the sampler {kind} doesn't use {name}: sweep one of {', '.join(swept)}")
    setting = settings_of(MarchSettings)[name]
    if name == "render_step_size":
        low, high = (math.dist(box[:3], box[3:]) / n for n in _STEPS_ALONG_DIAGONAL)
    elif name in ("near_plane", "far_plane"):
        low, high = distances_to_box(box, position)
        if name == "near_plane":
            high = min(high, 0.99 * march.far_plane)
        else:
            low = max(low, 1.01 * march.near_plane)
    else:
        return setting
    low, high = (float(f"{min(max(x, setting.low), setting.high):.3g}") for x in (low, high))
    if low >= high:
        raise ValueError(
            f"{name} has no range to sweep: the near plane ({march.near_plane:g}) and the far plane "
            f"({march.far_plane:g}) leave nothing of the scene's box; set them to other values"
        )
    return Setting(
        setting.documentation,
        label=setting.label,
        unit=setting.unit,
        low=low,
        high=high,
        log=name == "render_step_size",
    )


def swept_names(sampler: SamplerSettings) -> tuple[str, ...]:
    """Those of `MARCH_NUMBERS` that a sampler with these settings uses."""
    return tuple(name for name in MARCH_NUMBERS if name in sampler.reads)


def write_csv(path: Path, points: Sequence[SweepPoint]) -> None:
    """Write points to a new file, one row each, in full precision; raises as `core.files.new_file`."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(field.name for field in fields(SweepPoint))
    rows.writerows(astuple(point) for point in points)
    with new_file(path) as file:
        file.write(text.getvalue().encode())
