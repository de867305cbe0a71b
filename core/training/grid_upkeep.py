"""When the occupancy grid is updated from the field that learns, and how many of its cells."""

from dataclasses import replace

import torch

from core.config.march import MarchSettings
from core.config.training import TrainSettings
from core.fields.base import Field
from core.samplers.occupancy_grid import OccupancyGrid


class GridUpkeep:
    """Keeps an occupancy grid up to date. While the grid is young, each update evaluates all cells.

    Attributes:
        started_at: the step at which the grid was last started.
    """

    def __init__(self, grid: OccupancyGrid, field: Field):
        self._grid, self._field, self.started_at = grid, field, 0
        self._mean: tuple[tuple, float] | None = None

    def effective_march(self, settings: TrainSettings) -> MarchSettings:
        """Training's thresholds as they act, see `TrainSettings.occ_thre_rule`."""
        occ_thre = self.threshold(settings)
        return settings.march if occ_thre == settings.march.occ_thre else replace(settings.march, occ_thre=occ_thre)

    def threshold(self, settings: TrainSettings) -> float:
        """The occupancy threshold that acts in training: under nerfacc's rule, at most the mean of the cells' values.

        Cells that are empty for good don't count. The mean is worked out after an update, not at each step.
        """
        if settings.occ_thre_rule == "fixed":
            return settings.march.occ_thre
        occs = self._grid.occs
        version = (occs.data_ptr(), occs._version)
        if self._mean is None or self._mean[0] != version:
            self._mean = version, float(occs[occs >= 0.0].mean().nan_to_num())
        return min(settings.march.occ_thre, self._mean[1])

    def restart(self, settings: TrainSettings, step: int) -> None:
        """Begin as on the first step: each cell that may hold something is occupied until it proves empty."""
        self.started_at = step
        self._grid.start(settings.march.occ_thre, settings.grid_decay)

    def update(self, settings: TrainSettings, step: int, generator: torch.Generator) -> None:
        """Update the grid after a step.

        Args:
            generator: on the grid's device; chooses the cells.
        """
        is_young = step - self.started_at <= settings.grid_warmup_steps
        self._update(settings, settings.march.occ_thre, None if is_young else settings.grid_samples, generator)

    def rehearse(self, settings: TrainSettings, n_cells: int, generator: torch.Generator) -> None:
        """Update a few cells, so that the kernels are compiled; the caller puts the grid's buffers back."""
        self._update(settings, settings.march.occ_thre, n_cells, generator)

    def densest(self, settings: TrainSettings, generator: torch.Generator) -> float:
        """Evaluate all cells again; returns their largest density * step, NaN if one is NaN."""
        self._grid.start(0.0, settings.grid_decay)
        self._update(settings, 0.0, None, generator)
        return float(self._grid.occs.max())

    def has_nan(self) -> bool:
        """Whether a cell's value is NaN."""
        return self._grid.counts().has_nan

    def is_empty(self) -> bool:
        """Whether no cell is occupied."""
        return not self._grid.counts().n_occupied

    def _update(
        self, settings: TrainSettings, occ_thre: float, n_cells: int | None, generator: torch.Generator
    ) -> None:
        step_size = settings.march.render_step_size
        self._grid.update(self._field, step_size, occ_thre, settings.grid_decay, n_cells, generator)
        if settings.occ_thre_rule != "fixed":
            self._grid.binarise(self.threshold(settings))
