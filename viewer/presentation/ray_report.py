"""An inspected ray in words, as arrays to plot, as a line in the scene and as a table. No widgets."""

import csv
import io
import math
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from core.rendering.ray_trace import CellSpans, Fate, RayGuide, RayReport, RaySamples, Stop
from core.samplers import SAMPLERS
from core.samplers.base import GuideKind
from viewer.protocol.requests import SceneRay
from viewer.protocol.view_settings import Compare
from viewer.tools.inspector import Inspection

FATES = {Fate.COMPOSITED: "composited", Fate.BELOW_ALPHA: "below alpha threshold", Fate.BEHIND_STOP: "behind the stop"}

WHOSE = {Compare.SETTINGS: "A, the kept settings", Compare.RUN: "A, the former run"}
"""Whose picture a ray belongs to, unless to the present one."""

COLUMNS = (
    "t_start [units]", "t_end [units]", "density [1/units]", "alpha", "transmittance before", "weight", "red", "green",
    "blue", "fate",
)  # fmt: skip
"""The table's columns."""

BEHIND_DIM = 0.35
"""The opacity of samples behind the stop, relative to those before it."""

LEAST_SHARE = 1 / 300
"""The drawn length of samples without a length, as a share of the way through the box."""

TICK, LONG_TICK = 0.12, 0.22
"""Heights of ticks as shares of a plot's: at samples, and at places that a guide names."""


class Line(NamedTuple):
    """A line of a plot over t. `kind` decides how it is drawn: a `GuideKind`, or None for what was rendered."""

    label: str
    kind: GuideKind | None
    xs: np.ndarray
    ys: np.ndarray


def ray_text(inspection: Inspection) -> str:
    """Where and why the ray ended, and whose ray it is if it isn't the present picture's."""
    whose = WHOSE.get(inspection.question.of)
    return stop_text(inspection.report) if whose is None else f"Ray of {whose}. {stop_text(inspection.report)}"


def stop_text(report: RayReport) -> str:
    """Where and why the ray ended."""
    left = f"with {100.0 * report.trans:.3g} % of the light left"
    match report.stop:
        case Stop.OPAQUE:
            eps = report.march.early_stop_eps
            return f"Opaque: stopped at {report.t_stop:.4g} units; transmittance fell below early stop, {eps:.3g}."
        case Stop.LEFT_BOX:
            return f"Left the box at {report.t_stop:.4g} units {left}."
        case Stop.FAR_PLANE:
            return f"Reached the far plane at {report.t_stop:.4g} units {left}."
        case Stop.NOTHING:
            span = f"{report.t_min:.4g} and {report.t_max:.4g} units"
            return f"Nothing there: no sample lies in an occupied cell between {span}."
        case Stop.MISSED:
            return "Missed the box, or what near, far and crop leave of it."


def spans(t_starts: np.ndarray, t_ends: np.ndarray) -> np.ndarray:
    """Joins samples that touch: (n_spans, 2) int64, the indices of each span's first and last sample."""
    if len(t_starts) == 0:
        return np.zeros((0, 2), np.int64)
    apart = t_starts[1:] > t_ends[:-1] + 1e-3 * (t_ends - t_starts)[1:]
    return np.column_stack([np.flatnonzero(np.append(True, apart)), np.flatnonzero(np.append(apart, True))])


def steps(t_starts: np.ndarray, t_ends: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A step function with each sample's value over its interval, 0 between samples that don't touch: x and y."""
    xs, ys = np.column_stack([t_starts, t_ends]).ravel(), np.repeat(values, 2)
    firsts, lasts = spans(t_starts, t_ends).T
    where = np.concatenate([2 * lasts + 2, 2 * firsts])  # at equal t the end comes before the next start
    return np.insert(xs, where, np.append(t_ends[lasts], t_starts[firsts])), np.insert(ys, where, 0.0)


def density_lines(report: RayReport) -> tuple[Line, ...]:
    """The densities that guided the sampler."""
    return tuple(_line_of(guide) for guide in report.guides if guide.kind is GuideKind.DENSITY)


def weight_lines(report: RayReport) -> tuple[Line, ...]:
    """Weights per scene unit, so that areas are comparable: those of the pixel and those that guided the sampler; below
    them ticks at samples, or at their borders."""
    s, lines, edges = report.samples, [], report.samples.t_starts
    if (s.t_ends > s.t_starts).any():
        per_unit = s.weights / np.maximum(s.t_ends - s.t_starts, 1e-12)
        lines.append(Line("weight", None, *steps(s.t_starts, s.t_ends, per_unit)))
        edges = np.append(edges, s.t_ends[-1:])
    lines += [_line_of(guide) for guide in report.guides if guide.kind is GuideKind.WEIGHTS]
    lines = [line._replace(label=f"{line.label}, 1/units") for line in lines[:1]] + lines[1:]
    top = max((float(np.max(line.ys, initial=0.0)) for line in lines), default=0.0)
    lines.append(Line("samples", GuideKind.PLACES, *ticks(edges, TICK * top)))
    for guide in report.guides:
        if guide.kind is GuideKind.PLACES:
            lines.append(Line(guide.name, GuideKind.PLACES, *ticks(guide.ts, LONG_TICK * top)))
    return tuple(lines)


def _line_of(guide: RayGuide) -> Line:
    """A guide's densities, or its weights per scene unit."""
    ts, heights = guide.ts, guide.heights
    if len(heights) == len(ts):
        return Line(guide.name, guide.kind, ts, heights)
    if guide.kind is GuideKind.WEIGHTS:
        heights = heights / np.maximum(np.diff(ts), 1e-12)
    return Line(guide.name, guide.kind, *steps(ts[:-1], ts[1:], heights))


def ticks(ts: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """A line at 0 with a spike of a height at each t: x and y."""
    return np.repeat(ts, 3), np.tile([0.0, height, 0.0], len(ts))


def transmittance_line(samples: RaySamples) -> tuple[np.ndarray, np.ndarray]:
    """Transmittance before each sample and behind the last one of each span: x and y of a polyline."""
    lasts = spans(samples.t_starts, samples.t_ends)[:, 1]
    behind = samples.trans[lasts] * (1.0 - samples.alphas[lasts])
    return np.insert(samples.t_starts, lasts + 1, samples.t_ends[lasts]), np.insert(samples.trans, lasts + 1, behind)


def color_strip(samples: RaySamples, t_min: float, t_max: float, n: int) -> np.ndarray:
    """The samples' colours as n pixels between t_min and t_max, (n, 4) float32; transparent where there is no sample.

    A pixel's alpha is its sample's, divided by the largest alpha before the stop. Samples without a length are drawn
    wide enough to be seen.
    """
    ts = t_min + (np.arange(n) + 0.5) / n * (t_max - t_min)
    rgba = np.zeros((n, 4), np.float32)
    if len(samples.t_starts) == 0:
        return rgba
    t_starts, t_ends = _with_lengths(samples.t_starts, samples.t_ends, t_min, t_max)
    which = np.maximum(np.searchsorted(t_starts, ts, side="right") - 1, 0)
    inside = (ts >= t_starts[which]) & (ts < t_ends[which])
    behind = samples.fates == Fate.BEHIND_STOP
    alphas = np.nan_to_num(samples.alphas)
    largest = max(float(np.max(alphas, where=~behind, initial=0.0)), 1e-6)
    strengths = np.clip(alphas / largest, 0.0, 1.0) * np.where(behind, BEHIND_DIM, 1.0)
    rgba[:, :3] = np.clip(samples.rgbs, 0.0, 1.0)[which]
    rgba[:, 3] = np.where(inside, strengths[which], 0.0)
    return rgba


def _with_lengths(
    t_starts: np.ndarray, t_ends: np.ndarray, t_min: float, t_max: float
) -> tuple[np.ndarray, np.ndarray]:
    """Samples as they are drawn: those without a length get one that can be seen."""
    half = np.where(t_ends > t_starts, 0.0, 0.5 * LEAST_SHARE * (t_max - t_min))
    return t_starts - half, t_ends + half


def cell_bands(cells: CellSpans, t_stop: float, t_min: float, t_max: float, n: int) -> np.ndarray:
    """The cells as n values between t_min and t_max: 1 in an occupied cell, which a march through the grid samples, 0
    in an empty one, -1 behind the stop."""
    ts = t_min + (np.arange(n) + 0.5) / n * (t_max - t_min)
    if len(cells.t_starts) == 0:
        return np.where(ts < t_stop, 0, -1)
    which = np.maximum(np.searchsorted(cells.t_starts, ts, side="right") - 1, 0)
    return np.where(ts < t_stop, cells.occupied[which].astype(np.int64), -1)


def scene_ray(inspection: Inspection) -> SceneRay | None:
    """The ray as the picture shows it; None if it misses the box."""
    report = inspection.report
    if not math.isfinite(report.t_stop):
        return None
    kept = report.samples.fates == Fate.COMPOSITED
    t_starts, t_ends = report.samples.t_starts[kept], report.samples.t_ends[kept]
    t_starts, t_ends = _with_lengths(t_starts, t_ends, report.t_min, report.t_max)
    joined = tuple((float(t_starts[i]), float(t_ends[j])) for i, j in spans(t_starts, t_ends))
    t_max = max(report.t_max, report.t_stop)
    of_a = inspection.question.of in WHOSE
    return SceneRay(report.origin, report.direction, report.t_min, report.t_stop, t_max, joined, of_a)


def to_csv(inspection: Inspection, dataset: str) -> str:
    """One row per sample. Lines that begin with # describe the ray and what guided the sampler; lengths are in scene
    units."""
    report, s = inspection.report, inspection.report.samples
    march = " ".join(f"{name}={value:g}" for name, value in vars(report.march).items() if isinstance(value, float))
    notes = {
        "dataset": dataset,
        "ray of": WHOSE.get(inspection.question.of, "the present picture"),
        "training step": inspection.step,
        "origin [units]": report.origin,
        "direction": report.direction,
        "sampler": " ".join((SAMPLERS.name_of(inspection.sampler), *_settings(inspection.sampler))),
        "thresholds": march,
        "crop [units]": report.march.crop,
        "stop": f"{report.stop} at {report.t_stop:.7g} units",
        "rendered colour, 0 to 1": report.color,
        "photo colour, 0 to 1": inspection.photo.color if inspection.photo else None,
        "opacity": report.opacity,
        "expected depth [units]": report.depth,
        "median depth [units]": report.median_depth,
        "samples composited, evaluated, without skipping": (report.n_kept, report.n_marched, report.n_dense),
    }
    for guide in report.guides:
        heights = {GuideKind.WEIGHTS: "weights", GuideKind.DENSITY: "densities [1/units]"}.get(guide.kind)
        notes[f"{guide.name}, {'edges of ' + guide.kind if heights else guide.kind} [units]"] = tuple(guide.ts)
        if heights:
            notes[f"{guide.name}, {heights}"] = tuple(guide.heights)
    text = io.StringIO()
    for name, value in notes.items():
        shown = " ".join(f"{v:.9g}" for v in value) if isinstance(value, tuple) else value
        text.write(f"# {name}: {'none' if shown is None else shown}\n")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    columns = (s.t_starts, s.t_ends, s.sigmas, s.alphas, s.trans, s.weights, *s.rgbs.T)
    for row, fate in zip(np.column_stack(columns), s.fates, strict=True):
        table.writerow([*(f"{value:.9g}" for value in row), FATES[Fate(fate)]])
    return text.getvalue()


def _settings(settings: Any) -> list[str]:
    return [f"{name}={value}" for name, value in asdict(settings).items()]
