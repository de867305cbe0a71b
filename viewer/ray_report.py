"""An inspected ray for people: in words, as arrays to plot, as a line in the scene and as a table. No widgets."""

import csv
import io
import math

import numpy as np

from core.inspection import CellSpans, Fate, RaySamples, Stop
from viewer.messages import SceneRay
from viewer.tools.inspector import Inspection

FATES = {Fate.COMPOSITED: "composited", Fate.BELOW_ALPHA: "below alpha threshold", Fate.BEHIND_STOP: "behind the stop"}

COLUMNS = (
    "t_start [units]", "t_end [units]", "density [1/units]", "alpha", "transmittance before", "weight", "red", "green",
    "blue", "fate",
)  # fmt: skip
"""Of the table."""

BEHIND_DIM = 0.35
"""How strongly samples behind the stop are shown, beside those before it."""


def stop_text(inspection: Inspection) -> str:
    """Where and why the ray ended."""
    report = inspection.report
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
    """Samples in order, joined where they touch: (n_spans, 2), the indices of each span's first and last sample."""
    if len(t_starts) == 0:
        return np.zeros((0, 2), np.int64)
    apart = t_starts[1:] > t_ends[:-1] + 1e-3 * (t_ends - t_starts)[1:]
    return np.column_stack([np.flatnonzero(np.append(True, apart)), np.flatnonzero(np.append(apart, True))])


def steps(t_starts: np.ndarray, t_ends: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line that holds each sample's value over its interval and is 0 between samples that don't touch: x and y."""
    xs, ys = np.column_stack([t_starts, t_ends]).ravel(), np.repeat(values, 2)
    firsts, lasts = spans(t_starts, t_ends).T
    where = np.concatenate([2 * lasts + 2, 2 * firsts])  # at one place the end comes before the next start
    return np.insert(xs, where, np.append(t_ends[lasts], t_starts[firsts])), np.insert(ys, where, 0.0)


def transmittance_line(samples: RaySamples) -> tuple[np.ndarray, np.ndarray]:
    """Transmittance before each sample and behind the last one of each span: x and y, to be joined."""
    lasts = spans(samples.t_starts, samples.t_ends)[:, 1]
    behind = samples.trans[lasts] * (1.0 - samples.alphas[lasts])
    return np.insert(samples.t_starts, lasts + 1, samples.t_ends[lasts]), np.insert(samples.trans, lasts + 1, behind)


def color_strip(samples: RaySamples, t_min: float, t_max: float, n: int) -> np.ndarray:
    """The samples' colours as n pixels between t_min and t_max, (n, 4) float32; empty where there is no sample.

    A pixel's alpha is its sample's, over the largest of the samples that the pixel can see.
    """
    ts = t_min + (np.arange(n) + 0.5) / n * (t_max - t_min)
    rgba = np.zeros((n, 4), np.float32)
    if len(samples.t_starts) == 0:
        return rgba
    which = np.maximum(np.searchsorted(samples.t_starts, ts, side="right") - 1, 0)
    inside = (ts >= samples.t_starts[which]) & (ts < samples.t_ends[which])
    behind = samples.fates == Fate.BEHIND_STOP
    alphas = np.nan_to_num(samples.alphas)
    largest = max(float(np.max(alphas, where=~behind, initial=0.0)), 1e-6)
    strengths = np.clip(alphas / largest, 0.0, 1.0) * np.where(behind, BEHIND_DIM, 1.0)
    rgba[:, :3] = np.clip(samples.rgbs, 0.0, 1.0)[which]
    rgba[:, 3] = np.where(inside, strengths[which], 0.0)
    return rgba


def cell_bands(cells: CellSpans, t_stop: float, t_min: float, t_max: float, n: int) -> np.ndarray:
    """What the march did in the cells, as n values between t_min and t_max: 1 where it looked into an occupied cell,
    0 where it skipped an empty one, -1 behind the stop."""
    ts = t_min + (np.arange(n) + 0.5) / n * (t_max - t_min)
    if len(cells.t_starts) == 0:
        return np.where(ts < t_stop, 0, -1)
    which = np.maximum(np.searchsorted(cells.t_starts, ts, side="right") - 1, 0)
    return np.where(ts < t_stop, cells.occupied[which].astype(np.int64), -1)


def scene_ray(inspection: Inspection) -> SceneRay | None:
    """The ray as the picture shows it; None for one that misses the box."""
    report = inspection.report
    if not math.isfinite(report.t_stop):
        return None
    kept = report.samples.fates == Fate.COMPOSITED
    t_starts, t_ends = report.samples.t_starts[kept], report.samples.t_ends[kept]
    joined = tuple((float(t_starts[i]), float(t_ends[j])) for i, j in spans(t_starts, t_ends))
    return SceneRay(report.origin, report.direction, report.t_min, report.t_stop, report.t_max, joined)


def to_csv(inspection: Inspection, dataset: str) -> str:
    """One row per sample. Lines that begin with # say which ray it is; lengths are in scene units."""
    report, s = inspection.report, inspection.report.samples
    march = " ".join(f"{name}={value:g}" for name, value in vars(report.march).items() if isinstance(value, float))
    notes = {
        "dataset": dataset,
        "training step": inspection.step,
        "origin [units]": report.origin,
        "direction": report.direction,
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
