"""The occupancy grid as a plot and in words. Pure. Positions on the plot's axis are powers of ten."""

import math

import numpy as np

from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.samplers.histogram import BINS_PER_DECADE, DECADES
from viewer.tools.occupancy import GridFacts

OFF_POSITION = DECADES[0] - 0.5
"""The position of a threshold of 0: left of all bins."""

BAR_WIDTH = 0.9 / BINS_PER_DECADE

LIMITS = (DECADES[0] - 0.75, float(DECADES[1]))

LABELS = {-4: "1e-4", -2: "0.01", 0: "1", 2: "100"}
TICKS = (("off", OFF_POSITION), *((LABELS.get(power, ""), float(power)) for power in range(DECADES[0], DECADES[1] + 1)))
"""The axis' labels and their positions; more would not fit side by side."""


def position_of(threshold: float) -> float:
    """The position of a threshold on the axis."""
    return OFF_POSITION if threshold <= 0.0 else min(LIMITS[1], max(float(DECADES[0]), math.log10(threshold)))


def threshold_at(position: float) -> float:
    """The threshold at a position on the axis, to three digits; 0 between the axis' left end and the bins."""
    if position < 0.5 * (OFF_POSITION + DECADES[0]):
        return 0.0
    return min(settings_of(MarchSettings)["occ_thre"].high, float(f"{10.0 ** max(position, DECADES[0]):.3g}"))


def bars(facts: GridFacts, threshold: float) -> tuple[list[float], list[float], list[float]]:
    """The bins' middles on the axis, their counts below the threshold (0 above), and their counts above (0 below)."""
    edges = np.log10(facts.edges.astype(np.float64))
    middles = 0.5 * (edges[1:] + edges[:-1])
    above = middles >= position_of(threshold)
    return middles.tolist(), np.where(above, 0, facts.counts).tolist(), np.where(above, facts.counts, 0).tolist()


def seen_by_text(facts: GridFacts | None, n_cameras: int) -> str:
    """How many training cameras see occupied cells, in one line."""
    if facts is None:
        return ""
    if facts.counted < 1.0:
        return f"Counting the cameras that see each cell: {100.0 * facts.counted:.0f} %"
    if facts.seen_by is None:
        return "No cell is occupied."
    least, median, most = facts.seen_by
    if least == most:
        return f"Occupied cells: seen by {most} of {n_cameras} cameras."
    return f"Occupied cells: seen by {least} to {most} of {n_cameras} cameras, median {median}."


def unused_text(sampler: str) -> str:
    """What the grid shows in a scene whose sampler doesn't march it."""
    return f"The sampler {sampler} doesn't march these cells: they only show where something is."


def position_text(axis: str, share: float, box: tuple[float, ...], n_levels: int) -> str:
    """Where a slice plane lies, in scene units.

    Args:
        box: the finest level's bounds, x0 y0 z0 x1 y1 z1; each further level is twice as large.
    """
    index = "xyz".index(axis)
    low, high = box[index], box[index + 3]
    place = 0.5 * (low + high) + (share - 0.5) * (high - low) * 2.0 ** (n_levels - 1)
    return f"{axis} = {place:.3g} units"
