"""The cells of the occupancy grid that a picture's rays hit, with the values that their colours stand for."""

import math

from torch import Tensor

from core.config.march import MarchSettings
from core.geometry.cameras import Camera
from core.kernels.camera_rays import generate_rays
from core.kernels.cell_hits import CellHits
from core.training.trainer import Trainer
from viewer.picture.overlays.grid_cells import NO_LAYERS, Cells, GridLayers, wants_cells, wants_slice
from viewer.protocol.view_settings import CellsColor, ViewSettings


def find_layers(trainer: Trainer, camera: Camera, march: MarchSettings, view: ViewSettings) -> GridLayers:
    """The grid's cells that `view` shows, where the rays of a camera's pixels hit them.

    Counts of cameras grow by one camera per call until all are counted: see `core.datasets.bounds.coverage`.
    """
    if not (wants_cells(view) or wants_slice(view)):
        return NO_LAYERS
    grid, solids, plane = trainer.grid, None, None
    rays = generate_rays(camera)
    if wants_cells(view):
        shown = grid.changed != 0 if view.cells_color == CellsColor.CHANGED else None
        hits = grid.first_cells(rays, march, view.cells_level, shown)
        solids = _met(hits, _cell_values(trainer, view.cells_color))
    if wants_slice(view):
        axis = "xyz".index(view.slice_axis)
        hits = grid.cells_on_plane(rays, march, axis, view.slice_position, view.cells_level)
        plane = _met(hits, grid.occs, smallest=0.0)
    return GridLayers(solids, plane)


def _cell_values(trainer: Trainer, color: CellsColor) -> Tensor:
    """What the colour of each cell stands for, of any type and shape; any values for levels, which the hits know."""
    match color:
        case CellsColor.CAMERAS:
            trainer.coverage.advance()  # counting all cameras at once would delay the picture by seconds
            return trainer.coverage.counts
        case CellsColor.CHANGED:
            return trainer.grid.changed
    return trainer.grid.occs


def _met(hits: CellHits, values: Tensor, smallest: float = -math.inf) -> Cells:
    """The pixels whose rays hit a cell of at least the smallest value."""
    pixels = (hits.cells >= 0).nonzero().view(-1)
    found = values.view(-1)[hits.cells[pixels].long()].float()
    if smallest > -math.inf:
        pixels, found = pixels[found >= smallest], found[found >= smallest]
    columns = (pixels, *(x[pixels] for x in (hits.t, hits.axes, hits.edge, hits.levels)), found)
    return Cells(*(x.cpu().numpy() for x in columns))
