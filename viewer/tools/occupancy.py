"""The occupancy grid in figures: a histogram of its stored values, and how many training cameras see its cells."""

import time
from dataclasses import dataclass

import numpy as np

from core.samplers.histogram import histogram_of
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR, ToolKind

PERIOD = 0.5
"""Seconds between histograms while the grid changes."""

SLICE_SECONDS = 0.03
"""Seconds of counting cameras per slice."""


@dataclass(frozen=True)
class GridFacts:
    """The grid at one step.

    Attributes:
        step: the training step of the figures.
        edges: (n_bins + 1,) float32, rising, of stored density * step.
        counts: (n_bins,) int64, cells of all levels between two edges.
        n_empty, n_below, n_beyond: cells known to be empty, below the first edge, above the last one.
        counted: share of the cameras counted so far, 0 to 1.
        seen_by: the least, the median and the largest number of cameras that see an occupied cell; None until all
            cameras are counted, and while no cell is occupied.
    """

    step: int
    edges: np.ndarray
    counts: np.ndarray
    n_empty: int
    n_below: int
    n_beyond: int
    counted: float
    seen_by: tuple[int, int, int] | None

    @property
    def n_cells(self) -> int:
        return int(self.counts.sum()) + self.n_empty + self.n_below + self.n_beyond


class GridTool:
    """Updates the figures whenever training has gone on or the threshold has moved, and counts cameras in between.

    The question is the occupancy threshold at which cells count as occupied.
    """

    share = ASKED_FOR

    def __init__(self) -> None:
        self.result: GridFacts | None = None
        self._occ_thre: float | None = None
        self._looked: tuple[int, float, float] | None = None
        self._next_at = 0.0

    def ask(self, question: float | None, scene: OpenScene) -> None:
        """Keep the figures up to date for this threshold; None: stop."""
        self._occ_thre = question

    def new_scene(self, scene: OpenScene) -> None:
        self.result, self._looked, self._next_at = None, None, 0.0

    def slice(self, scene: OpenScene) -> bool:
        occ_thre = self._occ_thre
        if occ_thre is None:
            return False
        coverage, now = scene.trainer.coverage, time.perf_counter()
        if now >= self._next_at and self._looked != _state(scene, occ_thre):
            self._next_at, self._looked = now + PERIOD, _state(scene, occ_thre)
            self.result = measure_grid(scene, occ_thre)
            return True
        worked = coverage.advance()
        while worked and time.perf_counter() - now < SLICE_SECONDS and coverage.advance():
            pass
        return worked


def _state(scene: OpenScene, occ_thre: float) -> tuple[int, float, float]:
    """What the figures depend on."""
    return scene.trainer.step_count, occ_thre, scene.trainer.coverage.done


def measure_grid(scene: OpenScene, occ_thre: float) -> GridFacts:
    """The grid as it is now; cells above `occ_thre` count as occupied."""
    trainer, grid = scene.trainer, scene.trainer.grid
    found, coverage, seen_by = histogram_of(grid.occs), trainer.coverage, None
    if coverage.done == 1.0:
        counts = coverage.counts[grid.grid_state(occ_thre).binaries]
        if len(counts):
            seen_by = int(counts.min()), int(counts.median()), int(counts.max())
    return GridFacts(
        step=trainer.step_count,
        edges=found.edges.numpy(),
        counts=found.counts.numpy(),
        n_empty=found.n_empty,
        n_below=found.n_below,
        n_beyond=found.n_beyond,
        counted=coverage.done,
        seen_by=seen_by,
    )


GRID: ToolKey[float, GridFacts] = ToolKey("grid")
TOOL = ToolKind(GRID, GridTool)
