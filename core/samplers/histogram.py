"""How an occupancy grid's stored values are distributed: counts over bins that are evenly wide on a log axis."""

from typing import NamedTuple

import torch
from torch import Tensor

DECADES = (-5, 3)
"""The bins reach from 10^-5, the smallest threshold a slider has above 0, to 10^3, which few cells exceed."""

BINS_PER_DECADE = 12


class Histogram(NamedTuple):
    """Counts of cells; all of them together are the grid's cells.

    Attributes:
        edges: (n_bins + 1,) float32, rising, of density * step.
        counts: (n_bins,) int64, cells between two edges.
        n_empty: cells that hold nothing for certain (-1).
        n_below: cells from 0 to the first edge.
        n_beyond: cells beyond the last edge.
    """

    edges: Tensor
    counts: Tensor
    n_empty: int
    n_below: int
    n_beyond: int


def histogram_of(occs: Tensor) -> Histogram:
    """The histogram of stored values of any shape, on the CPU; at an edge a value may fall to either side."""
    low, high = DECADES
    n_bins = (high - low) * BINS_PER_DECADE
    logs = occs.reshape(-1).clamp_min(1e-30).log10_()
    # histc counts in float32, which is exact up to 2^24
    counts = torch.stack([torch.histc(part, n_bins, low, high).long() for part in logs.split(1 << 22)]).sum(0).cpu()
    n_empty = int((occs < 0.0).count_nonzero())
    n_below = int((logs < low).count_nonzero()) - n_empty
    return Histogram(
        torch.logspace(low, high, n_bins + 1), counts, n_empty, n_below, int((logs > high).count_nonzero())
    )
