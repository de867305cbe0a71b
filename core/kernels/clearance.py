"""Distances of an occupancy grid's cells from the nearest occupied one, which rays may skip."""

import torch
from torch import Tensor

_BLOCK = 4
"""Cells per side of the blocks in which long clearances are counted."""

_EXACT, _MOST_BLOCKS = 3, 8
"""Clearances are exact up to `_EXACT` cells, and counted in blocks up to `_MOST_BLOCKS` of them."""


def clearances_of(binaries: Tensor) -> Tensor:
    """Each cell's distance from the nearest occupied cell of its level, in steps to any of the 26 neighbours.

    A ray may skip all cells that are closer than that in one step, in any direction. Short clearances are exact; long
    ones are counted in whole blocks and may be too small by nearly two, which costs rays a step, but no sample.

    Args:
        binaries: (n_levels, nx, ny, nz) bool.

    Returns:
        (n_levels, nx, ny, nz) uint8; 0 where a cell is occupied.
    """
    clearances = _steps_to(binaries.contiguous().view(torch.uint8), _EXACT)
    blocks = _steps_to(_blocks_of(binaries).view(torch.uint8), _MOST_BLOCKS)
    far = (_BLOCK * (blocks.clamp_min(1) - 1) + 1) * (blocks > 0)
    for axis, n in enumerate(binaries.shape[1:], 1):
        far = far.repeat_interleave(_BLOCK, axis).narrow(axis, 0, n)
    return torch.maximum(clearances, far)


def _blocks_of(binaries: Tensor) -> Tensor:
    """Which blocks of _BLOCK^3 cells contain an occupied one: (n_levels, nx, ny, nz) bool to a quarter of each side."""
    n_levels, *sides = binaries.shape
    padding = [-side % _BLOCK for side in sides]
    if any(padding):
        binaries = torch.nn.functional.pad(binaries, [0, padding[2], 0, padding[1], 0, padding[0]])
    x, y, z = (side // _BLOCK for side in binaries.shape[1:])
    # four cells of a row are one 32-bit number, which is 0 only if all are empty
    rows = binaries.contiguous().view(torch.int32).view(n_levels, x, _BLOCK, y, _BLOCK, z)
    return (rows != 0).any(4).any(2)


def _steps_to(occupied: Tensor, most: int) -> Tensor:
    """Steps, at most `most`, from each cell to the nearest occupied one; (n_levels, nx, ny, nz) uint8 in and out."""
    reached = occupied.clone()
    steps = 1 - reached
    for _ in range(most - 1):
        for axis in (1, 2, 3):
            n = reached.shape[axis]
            before = reached.clone()
            reached.narrow(axis, 1, n - 1).bitwise_or_(before.narrow(axis, 0, n - 1))
            reached.narrow(axis, 0, n - 1).bitwise_or_(before.narrow(axis, 1, n - 1))
        steps += 1 - reached
    return steps
