"""Which cells may be occupied, as far as the views show it before training."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.config.types import Box
from core.datasets.bounds.coverage import cells_seen_by
from core.datasets.bounds.hull import occupied_cells
from core.datasets.dataset import Views

_FEWEST_WITNESSES = 2
"""Cameras that must see a cell for something to be learnt there, where there are no silhouettes."""


def possible_cells(
    views: Views, boxes: list[Box], resolution: int, among: Sequence[int] | None = None
) -> Tensor | None:
    """Cells that may be occupied, (n_levels, nx, ny, nz) bool; None: all.

    Silhouettes decide, unless the scene moves between them. Without silhouettes, and on several levels, cells that too
    few cameras see are left out: anything learnt there would be contradicted by nothing.

    Args:
        boxes: the grid levels' bounds, finest first, each divided into resolution^3 cells.
        among: indices of the views that show it; None: all.
    """
    if views.can_carve:
        possible = torch.stack([occupied_cells(views, box, resolution, among=among) for box in boxes])
    elif len(boxes) > 1:
        cameras = views.cameras
        if among is not None:
            cameras = cameras[torch.tensor(among, device=cameras.c2w.device)]
        possible = cells_seen_by(cameras, boxes, resolution, min(_FEWEST_WITNESSES, len(cameras)))
    else:
        return None
    return possible if bool(possible.any()) else None
