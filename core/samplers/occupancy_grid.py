"""Which cells of nested grids hold something (Müller et al. 2022, appendix E; NerfAcc's `OccGridEstimator`).

The state (`resolution`, `aabbs`, `occs`, `binaries`) is that of nerfacc's `OccGridEstimator`: either class loads the
other's. `occs` holds density * step per cell, decaying maxima of what was evaluated there; -1 marks a cell that
holds nothing for certain and is never evaluated. `changed` says what the last update did, +1 where a cell became
occupied and -1 where one became empty; it is for display and no part of the state.

Training's marches evaluate densities in the occupied cells that rays reach. The grid learns from these (`observe`), so
its upkeep needs evaluations of its own only where nothing marches: in empty cells, and inside what is opaque.

Unlike nerfacc's, the threshold between occupied and empty is never lowered silently to the grid's mean. Instead a
fresh grid is optimistic: its cells start well above the threshold and must prove empty over several updates.
"""

import math
import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.config.march import MarchSettings
from core.config.types import Box
from core.fields.base import Field, in_pieces
from core.geometry.boxes import box_of
from core.geometry.rays import Rays, Samples
from core.kernels.cell_hits import CellHits, cells_on_plane, first_cells
from core.kernels.fused_march import EncodedDensity
from core.kernels.grid import GridState, geometry
from core.kernels.packed import Composited
from core.kernels.upkeep import UNSEEN, fold, observe, points_in

_UPDATES_TO_EMPTY = 8
"""Updates after which a fresh cell without density is empty."""

_making_states = threading.Lock()


class CellCounts(NamedTuple):
    """What a grid's cells are like.

    Attributes:
        n_possible: cells that may hold something.
        n_occupied: cells that are occupied.
        has_nan: whether a cell's value is NaN.
    """

    n_possible: int
    n_occupied: int
    has_nan: bool


class OccupancyGrid(nn.Module):
    """The occupied cells of a scene's box: updated in training, marched by `OccupancySampler`, and shown in the window.

    Args:
        box: the base level's bounds; level l covers 2^l times its size about its centre.
        resolution: cells per side of each level.
    """

    resolution: Tensor
    aabbs: Tensor
    occs: Tensor
    binaries: Tensor
    changed: Tensor
    seen: Tensor

    def __init__(self, box: Box, resolution: int = 128, n_levels: int = 1):
        super().__init__()
        low, high = torch.tensor(box[:3]), torch.tensor(box[3:])
        center, half = (low + high) / 2, (high - low) / 2
        aabbs = [torch.cat([center - half * 2**level, center + half * 2**level]) for level in range(n_levels)]
        self.box = box_of(box)
        self._state: GridState | None = None
        self._state_version: tuple | None = None
        self._counts: CellCounts | None = None
        self._counts_version: tuple | None = None
        self.register_buffer("resolution", torch.full((3,), resolution, dtype=torch.int32))
        self.register_buffer("aabbs", torch.stack(aabbs))
        self.register_buffer("occs", torch.zeros(n_levels * resolution**3))
        shape = (n_levels, resolution, resolution, resolution)
        self.register_buffer("binaries", torch.ones(shape, dtype=torch.bool))
        self.register_buffer("changed", torch.zeros(shape, dtype=torch.int8), persistent=False)
        self.register_buffer("seen", torch.full(shape, UNSEEN), persistent=False)

    @property
    def boxes(self) -> list[Box]:
        """The bounds of each level, finest first."""
        return [box_of(aabb) for aabb in self.aabbs.tolist()]

    def start(self, occ_thre: float, decay: float, possible: Tensor | None = None) -> None:
        """Make every cell that may hold something occupied.

        Args:
            occ_thre, decay: of the updates to come; a fresh cell's value decays below occ_thre in a few of them.
            possible: (n_levels, nx, ny, nz) bool; the other cells are marked as empty for good. None: those that are
                not marked so yet.
        """
        empty_for_good = self.occs < 0.0 if possible is None else ~possible.reshape(-1)
        self.occs.fill_(occ_thre / max(decay, 0.1) ** _UPDATES_TO_EMPTY)
        self.occs[empty_for_good] = -1.0
        self.seen.fill_(UNSEEN)
        self.binarise(occ_thre)

    def observe(self, positions: Tensor, sigmas: Tensor, step_size: float) -> None:
        """Keep densities (n,) that were evaluated at positions (n, 3 or 4) anyway, at any time, for the next update."""
        places = positions[:, :3].contiguous()
        observe(geometry(self.box, self.seen.shape), self.seen, places, sigmas, step_size)

    @torch.no_grad()
    def update(
        self,
        field: Field,
        step_size: float,
        occ_thre: float,
        decay: float,
        n_cells: int | None,
        generator: torch.Generator,
    ) -> None:
        """Evaluate the density at random points in cells and fold it, with all that was observed, into the grid.

        A dynamic field is evaluated at random times: a cell that holds something at any time is occupied.

        Args:
            n_cells: evaluate this many cells, half of them occupied ones; None: every cell that may be occupied.
            generator: on the grid's device.
        """
        cells = self._cells_to_update(n_cells, generator)
        points = self._points_in(cells, generator)
        if field.dynamic:
            times = torch.rand(points.shape[0], 1, generator=generator, device=points.device)
            points = torch.cat([points, times], dim=1)
        sigmas = in_pieces(field.density_alone, points)
        # by the drawn cells, not by position: a coarse level's cells count even where a finer level covers them
        self.seen.view(-1).scatter_reduce_(0, cells, sigmas * step_size, "amax")
        fold(self.seen, decay, self.occs.view_as(self.seen), occ_thre, self.binaries, self.changed)

    def counts(self) -> CellCounts:
        """Counted once after each change; CUDA is waited for once, for all numbers."""
        version = (self.occs.data_ptr(), self.occs._version, self.binaries._version)
        if self._counts is None or version != self._counts_version:
            # values are at least -1, so their sum is NaN only if one is
            found = [_count(self.occs >= 0.0), _count(self.binaries), self.occs.sum()]
            n_possible, n_occupied, total = torch.stack([x.double() for x in found]).tolist()
            self._counts = CellCounts(int(n_possible), int(n_occupied), math.isnan(total))
            self._counts_version = version
        return self._counts

    def occupied(self, occ_thre: float) -> tuple[float, ...]:
        """Share of each level's cells that are occupied at a threshold, 0 to 1, finest level first."""
        return tuple(self._occupied_cells(occ_thre).flatten(1).float().mean(1).tolist())

    def first_cells(self, rays: Rays, march: MarchSettings, level: int = -1, shown: Tensor | None = None) -> CellHits:
        """Where rays meet the first cell of a set; of one level, or of all with -1.

        Args:
            march: its planes and crop box bound what is seen.
            shown: (n_levels, nx, ny, nz) bool, the set; None: the cells occupied at `march.occ_thre`.
        """
        grid = self.grid_state(march.occ_thre) if shown is None else GridState(self.box, shown)
        return first_cells(grid, rays, march, level)

    def cells_on_plane(self, rays: Rays, march: MarchSettings, axis: int, share: float, level: int = -1) -> CellHits:
        """Which cells rays meet on a plane across the grid; see `core.kernels.cell_hits.cells_on_plane`."""
        return cells_on_plane(self.grid_state(march.occ_thre), rays, march, axis, share, level)

    def grid_state(self, occ_thre: float) -> GridState:
        """The grid as the kernels take it, at a threshold."""
        version = (occ_thre, self.occs.data_ptr(), self.occs._version)
        with _making_states:  # a picture's threads ask at once
            if self._state is None or version != self._state_version:
                state = GridState(self.box, self._occupied_cells(occ_thre))
                state.struct  # noqa: B018 - is made here, once
                self._state, self._state_version = state, version
            return self._state

    def _occupied_cells(self, occ_thre: float) -> Tensor:
        mask = self.occs > occ_thre if occ_thre > 0.0 else self.occs >= 0.0
        return mask.view_as(self.binaries)

    def binarise(self, occ_thre: float) -> None:
        """Decide anew which cells are occupied."""
        self.binaries.copy_(self._occupied_cells(occ_thre))

    def _cells_to_update(self, n_cells: int | None, generator: torch.Generator) -> Tensor:
        counts = self.counts()
        possible = _indices(self.occs >= 0.0, counts.n_possible)
        if n_cells is None or n_cells >= possible.shape[0]:
            return possible.long()
        occupied = _indices(self.binaries.view(-1), counts.n_occupied)
        halves = []
        for candidates in (possible, occupied):
            if candidates.shape[0] > 0:
                picks = torch.randint(
                    candidates.shape[0], (n_cells // 2,), generator=generator, device=candidates.device
                )
                halves.append(candidates[picks])
        return torch.cat(halves).long()

    def _points_in(self, cells: Tensor, generator: torch.Generator) -> Tensor:
        """A random point in each cell: (n, 3) in scene units."""
        shares = torch.rand(cells.shape[0], 3, generator=generator, device=cells.device)
        return points_in(geometry(self.box, self.seen.shape), cells, shares)


class ObservedField(Field):
    """A field whose densities update a grid whenever they are evaluated without gradient, that is, in marches.

    A march gets densities but no features: in training, the kept samples are evaluated again with gradient.

    Args:
        step_size: training's, by which the grid multiplies densities.
    """

    def __init__(self, field: Field, grid: OccupancyGrid, step_size: float):
        self._field, self._grid, self._step_size = field, grid, step_size

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        if torch.is_grad_enabled():
            return self._field.density(positions)
        sigmas = self._field.density_alone(positions)
        self._grid.observe(positions, sigmas, self._step_size)
        return sigmas, sigmas.new_empty(sigmas.shape[0], 0)

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return self._field.color(features, directions)

    def radiance(self, positions: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        return self._field.radiance(positions, directions)

    def pixel_loss(
        self,
        positions: Tensor,
        directions: Tensor,
        samples: Samples,
        background: Tensor,
        targets: Tensor,
        entropy: float = 0.0,
    ) -> tuple[Tensor, Composited]:
        return self._field.pixel_loss(positions, directions, samples, background, targets, entropy)

    def march_density(self, keeps_features: bool) -> EncodedDensity | None:
        density = self._field.march_density(keeps_features=False)
        return density and density._replace(seen=self._grid.seen, seen_step=self._step_size)


def _count(mask: Tensor) -> Tensor:
    """How often a mask is true, 0-dim; numpy counts several times as fast."""
    return torch.tensor(np.count_nonzero(mask.numpy())) if mask.is_cpu else mask.count_nonzero()


def _indices(mask: Tensor, n_true: int) -> Tensor:
    """Where a mask (n,) is true, int32; told how often it is, CUDA isn't waited for."""
    if mask.is_cpu:  # numpy finds them several times as fast
        return torch.from_numpy(np.flatnonzero(mask.numpy())).int()
    return mask.nonzero_static(size=n_true).view(-1).int()
