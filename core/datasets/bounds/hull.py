"""Where an object can be, from its silhouettes: a conservative visual hull on a grid of cells (Laurentini 1994).

A cell is carved away only if it lies wholly inside some view's frame and no pixel of its footprint there is opaque. The
footprint is that of the cell's bounding sphere, so no cell that contains part of the object is lost.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from core.config.types import Box
from core.datasets.dataset import Views
from core.geometry.cameras import Camera

_MASK_SIZE = 256
"""Silhouettes are reduced to about this many pixels per side; a block is opaque if any of its pixels is."""

_PIXEL_MARGIN = 1.0
"""Pixels a footprint is grown by: parts thinner than a pixel may be missing from the alpha beside them."""

_SEARCH_RESOLUTIONS = (48, 64)
_SEARCH_VIEWS = 32

_SEEN_SHARE = 0.5
"""A cell counts towards the bounds if at least this share of the views sees it wholly. Cells near a camera are seen by
that camera only, with the object behind them; cells below the scene only by the highest cameras."""


def occupied_cells(
    views: Views, box: Box, resolution: int, max_views: int = _SEARCH_VIEWS, among: Sequence[int] | None = None
) -> Tensor:
    """The cells of a grid that the views' alphas allow to be occupied.

    Args:
        views: with alpha; at most `max_views` of them, evenly spaced, are used.
        box: the grid's bounds x0 y0 z0 x1 y1 z1, divided into resolution^3 cells.
        among: indices of the views to use; None: all.

    Returns:
        (resolution, resolution, resolution) bool, indexed [x, y, z], on the cameras' device. Cells that no view sees
        wholly stay occupied: nothing contradicts them.

    Raises:
        ValueError: the views have no alpha.
    """
    return ~_carve(views, box, resolution, max_views, framed=False, among=among)[0]


def find_box(views: Views, max_views: int = _SEARCH_VIEWS) -> Box | None:
    """The bounds of the visual hull with a margin of one cell, or None if the hull is empty.

    The search starts in a cube around the point that the cameras look at, as large as their frames can show there, and
    is repeated with smaller cells inside the bounds it found. A view with a transparent border is taken to show the
    whole object, so everything outside its frame is carved. Cells that few views see wholly don't count.

    Raises:
        ValueError: the views have no alpha.
    """
    box = _search_cube(views.cameras)
    for resolution in _SEARCH_RESOLUTIONS:
        box = box and _bounds_of_survivors(views, box, resolution, max_views)
    return box


def point_looked_at(cameras: Camera) -> Tensor | None:
    """The point (3,) nearest to all optical axes by least squares; None if most cameras look away from it."""
    origins, forward = cameras.c2w[:, :3, 3], -cameras.c2w[:, :3, 2]
    # I - d d^T measures the distance from an axis; the small ridge keeps parallel axes solvable, near their origins.
    across = torch.eye(3, device=origins.device) - forward[:, :, None] * forward[:, None, :]
    ridge = 1e-4 * torch.eye(3, device=origins.device)
    pulled = (across @ origins[..., None])[..., 0].mean(0) + ridge @ origins.mean(0)
    point = torch.linalg.solve(across.mean(0) + ridge, pulled)
    in_front = ((point - origins) * forward).sum(-1) > 0.0
    return point if in_front.float().mean() > 0.5 else None


def _search_cube(cameras: Camera) -> Box | None:
    centre = point_looked_at(cameras)
    if centre is None:
        return None
    # A ball of this radius just fills the frame's corners: sin of half the diagonal field of view times the distance.
    slopes = cameras.extent / (2.0 * cameras.K[:, [0, 1], [0, 1]])
    slope = torch.linalg.vector_norm(slopes, dim=-1)
    distances = torch.linalg.vector_norm(cameras.c2w[:, :3, 3] - centre, dim=-1)
    half = (distances * slope / (1.0 + slope**2).sqrt()).max()
    return tuple(torch.cat([centre - half, centre + half]).tolist()) if half > 0.0 else None


def _bounds_of_survivors(views: Views, box: Box, resolution: int, max_views: int) -> Box | None:
    carved, seen = _carve(views, box, resolution, max_views, framed=True)
    cells = (~carved & (seen >= _SEEN_SHARE)).nonzero()
    if not len(cells):
        return None
    low, size = _cells_of(box, resolution, carved.device)
    return tuple(torch.cat([low + (cells.amin(0) - 1) * size, low + (cells.amax(0) + 2) * size]).tolist())


def cell_centers(box: Box, resolution: int, device: torch.device) -> Tensor:
    """The centres of a grid's cells, (resolution^3, 3), in the order of [x, y, z] flattened."""
    low, size = _cells_of(box, resolution, device)
    steps = torch.arange(resolution, device=device) + 0.5
    return low + torch.cartesian_prod(steps, steps, steps) * size


def _cells_of(box: Box, resolution: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The grid's lower corner (3,) and the size of a cell (3,)."""
    low, high = torch.tensor(box, device=device).view(2, 3)
    return low, (high - low) / resolution


def _carve(
    views: Views, box: Box, resolution: int, max_views: int, framed: bool, among: Sequence[int] | None = None
) -> tuple[Tensor, Tensor]:
    """Cells (R, R, R): whether some view shows them to be empty, bool; the share of views that see them wholly.

    Args:
        framed: views with a transparent border carve what lies outside their frame, too.
    """
    if not views.has_alpha:
        raise ValueError("carving needs images with alpha, these have none")
    device, among = views.cameras.c2w.device, range(len(views)) if among is None else among
    centres = cell_centers(box, resolution, device)
    radius = 0.5 * float(torch.linalg.vector_norm(_cells_of(box, resolution, device)[1]))
    carved = torch.zeros(resolution**3, dtype=torch.bool, device=device)
    seen = torch.zeros(resolution**3, device=device)
    left = torch.arange(resolution**3, device=device)
    chosen = among[:: math.ceil(len(among) / max_views)]
    for index in chosen:
        camera = views.cameras[index]
        alpha = views.alpha(index).to(device)
        columns, rows, in_front, inside = _footprints(camera, centres[left], radius)
        seen[left] += inside / len(chosen)
        # outside the frame a clamped footprint is a piece of the border, so a transparent border carves
        empty = (in_front if framed and _has_clear_border(alpha) else inside) & ~_any_opaque(alpha, columns, rows)
        carved[left] = empty
        left = left[~empty]
    shape = (resolution,) * 3
    return carved.view(shape), seen.view(shape)


def _has_clear_border(alpha: Tensor) -> bool:
    return not (alpha[[0, -1]].any() or alpha[:, [0, -1]].any())


def _footprints(camera: Camera, centres: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The image rectangles of spheres.

    Returns:
        columns, rows: (n, 2) float32, first and last image coordinate in pixels, clamped to the frame.
        in_front: (n,) bool, whether the whole sphere lies in front of the camera; else its rectangle is meaningless.
        inside: (n,) bool, whether the rectangle lies inside the frame, too.
    """
    x, y, z = ((centres - camera.c2w[:3, 3]) @ torch.linalg.inv(camera.c2w[:3, :3]).T).unbind(-1)
    in_front = inside = -z > radius
    spans = []
    for across, (focal, middle, extent) in (
        (x, (camera.K[0, 0], camera.K[0, 2], camera.width)),
        (-y, (camera.K[1, 1], camera.K[1, 2], camera.height)),
    ):
        span = middle + focal * _tangents(across, -z, radius)
        inside = inside & (span[:, 0] >= 0.0) & (span[:, 1] <= extent)
        grown = torch.stack([span[:, 0] - _PIXEL_MARGIN, span[:, 1] + _PIXEL_MARGIN], dim=-1)
        spans.append(grown.clamp(0.0, extent - 1e-3))
    return spans[0], spans[1], in_front, inside


def _tangents(across: Tensor, depth: Tensor, radius: float) -> Tensor:
    """Slopes (n, 2) of the two lines from the origin that touch a circle at (across, depth); needs depth > radius.

    The line across = s * depth is at distance |across - s depth| / sqrt(1 + s^2) = radius from the centre.
    """
    below = (depth**2 - radius**2).clamp_min(1e-12)
    root = radius * (across**2 + below).sqrt()
    return torch.stack([across * depth - root, across * depth + root], dim=-1) / below[:, None]


def _any_opaque(alpha: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Whether alpha (height, width) uint8 is above 0 anywhere in each rectangle, (n,) bool."""
    block = max(1, max(alpha.shape) // _MASK_SIZE)
    mask = max_pool2d((alpha > 0).float()[None], block, ceil_mode=True)[0]
    # sums[i, j] counts the opaque blocks above row i and left of column j
    sums = torch.zeros(mask.shape[0] + 1, mask.shape[1] + 1, dtype=torch.int32, device=alpha.device)
    sums[1:, 1:] = mask.int().cumsum(0).cumsum(1)
    x0, x1 = (columns / block).long().unbind(-1)
    y0, y1 = (rows / block).long().unbind(-1)
    return (sums[y1 + 1, x1 + 1] - sums[y0, x1 + 1] - sums[y1 + 1, x0] + sums[y0, x0]) > 0
