"""How many cameras see each cell of nested grids: where few do, little contradicts what a field invents."""

import torch
from torch import Tensor

from core.config.types import Box
from core.datasets.bounds.hull import cell_centers
from core.geometry.cameras import Camera, sees


def cells_seen_by(cameras: Camera, boxes: list[Box], resolution: int, fewest: int) -> Tensor:
    """Cells of nested grids that at least `fewest` cameras of a batch may see: (n_levels, n, n, n) bool.

    Counted conservatively, on cells of twice the size and dilated by one: a cell that is seen is never missed, though
    one that isn't may be among them.
    """
    coarse = max(1, resolution // 2)
    counts = Coverage(cameras, boxes, coarse).finished()[:, None].float()
    grown = torch.nn.functional.max_pool3d(counts, 3, stride=1, padding=1)
    return torch.nn.functional.interpolate(grown, size=(resolution,) * 3)[:, 0] >= fewest


class Coverage:
    """Counts the cameras that have a cell's centre in their picture, piece by piece; occlusion isn't looked at.

    Args:
        cameras: a batch.
        boxes: the grids' bounds, finest first, each divided into resolution^3 cells.

    Attributes:
        counts: (n_levels, resolution, resolution, resolution) int32, indexed [level, x, y, z], so far.
        done: the share of the work done, 0 to 1.
    """

    def __init__(self, cameras: Camera, boxes: list[Box], resolution: int):
        self._cameras, self._boxes, self._resolution = cameras, boxes, resolution
        self._pieces = [(level, camera) for level in range(len(boxes)) for camera in range(len(cameras))]
        self._next, self._level, self._centers = 0, -1, torch.empty(0, 3)
        shape = (len(boxes), *[resolution] * 3)
        self.counts = torch.zeros(shape, dtype=torch.int32, device=cameras.c2w.device)

    @property
    def done(self) -> float:
        return self._next / len(self._pieces) if self._pieces else 1.0

    def advance(self, n_pieces: int = 1) -> bool:
        """Count the next pairs of a level and a camera; returns whether there was one left."""
        pieces = self._pieces[self._next : self._next + n_pieces]
        for level, camera in pieces:
            if level != self._level:
                self._level = level
                self._centers = cell_centers(self._boxes[level], self._resolution, self.counts.device)
            self.counts[level] += sees(self._cameras[camera], self._centers).view_as(self.counts[level])
            self._next += 1
        if self._next == len(self._pieces):
            self._centers = self._centers[:0]
        return bool(pieces)

    def finished(self) -> Tensor:
        """The counts of all cameras; the missing ones are counted now."""
        self.advance(len(self._pieces))
        return self.counts
