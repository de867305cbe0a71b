"""nerfacc's walk through occupancy grids in any boxes (NerfAcc, Li et al. 2023); `cpp/grid_walk.h` states its rules.

`core.kernels.marching` is the product's own march: through nested grids, in rounds, many rays side by side. This walk
also takes boxes that aren't nested, one sample for each cell, and its own near and far plane for each ray.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.types import Bools, Bools4, Float, Floats, Int, LongInts, Vec3s

_GRAIN = 1 << 6
"""Rays that justify one more thread."""


class Crossings(NamedTuple):
    """Where rays enter and leave boxes.

    Attributes:
        t_sorted: (n_rays, 2 n_boxes) float32, ascending; of missed boxes anything.
        order: (n_rays, 2 n_boxes) int64, which crossing each is: k enters box k, and n_boxes + k leaves it.
        hits: (n_rays, n_boxes) bool, which boxes a ray meets.
    """

    t_sorted: Tensor
    order: Tensor
    hits: Tensor


class WalkLimits(NamedTuple):
    """Which part of each ray is walked, and how.

    Attributes:
        near_planes, far_planes: (n_rays,) float32; steps begin at the near plane.
        mask: (n_rays,) bool, the rays to walk.
        step_size: length of a step; 0 or less: each occupied cell is a sample.
        cone_angle: a step at t is at least `cone_angle * t` long.
        most_samples: of a ray; 0: no limit.
    """

    near_planes: Tensor
    far_planes: Tensor
    mask: Tensor
    step_size: float
    cone_angle: float = 0.0
    most_samples: int = 0


class Edges(NamedTuple):
    """The ends of samples along rays; samples that adjoin share one.

    Attributes:
        starts, counts: (n_rays,) int64.
        vals: (n_edges,) float32, distances t.
        ray_indices: (n_edges,) int64.
        is_left, is_right: (n_edges,) bool, whether a sample begins, or ends, there.
    """

    starts: Tensor
    counts: Tensor
    vals: Tensor
    ray_indices: Tensor
    is_left: Tensor
    is_right: Tensor


class Middles(NamedTuple):
    """The middles of samples along rays.

    Attributes:
        starts, counts: (n_rays,) int64.
        vals: (n_samples,) float32, distances t.
        ray_indices: (n_samples,) int64.
        is_valid: (n_samples,) bool; False for reserved places that no sample took.
    """

    starts: Tensor
    counts: Tensor
    vals: Tensor
    ray_indices: Tensor
    is_valid: Tensor


class Walked(NamedTuple):
    """What a walk found.

    Attributes:
        ends: (n_rays,) float32, where each ray's next step would begin.
    """

    edges: Edges
    middles: Middles
    ends: Tensor


@cpp_kernel("ray_boxes.h", "ray_boxes", module=f"{__name__}.boxes")
def _ray_boxes(
    ray: Int,
    rays_o: Vec3s,
    rays_d: Vec3s,
    boxes: Floats,
    near_plane: Float,
    far_plane: Float,
    miss_value: Float,
    t_mins: Floats,
    t_maxs: Floats,
    hits: Bools,
): ...


@cpp_kernel("grid_walk.h", "walk_grids")
def _walk(
    ray: Int,
    rays_o: Vec3s,
    rays_d: Vec3s,
    mask: Bools,
    binaries: Bools4,
    boxes: Floats,
    crossings: Floats,
    order: LongInts,
    hits: Bools,
    near_planes: Floats,
    far_planes: Floats,
    step_size: Float,
    cone_angle: Float,
    limit: Int,
    edge_starts: LongInts,
    sample_starts: LongInts,
    edges: Floats,
    edge_rays: LongInts,
    is_left: Bools,
    is_right: Bools,
    middles: Floats,
    middle_rays: LongInts,
    is_valid: Bools,
    edge_counts: LongInts,
    sample_counts: LongInts,
    ends: Floats,
): ...


def cross_boxes(
    rays_o: Tensor, rays_d: Tensor, boxes: Tensor, near_plane: float, far_plane: float, miss_value: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Where rays are inside boxes, all of them in one launch.

    Args:
        rays_o, rays_d: (n_rays, 3) float32, unit directions.
        boxes: (n_boxes, 6) float32, x0 y0 z0 x1 y1 z1.
        near_plane, far_plane: what t is clipped to.
        miss_value: t of a box that a ray misses, or that lies behind its origin.

    Returns:
        t_mins, t_maxs: (n_rays, n_boxes) float32.
        hits: (n_rays, n_boxes) bool.
    """
    shape = rays_o.shape[0], boxes.shape[0]
    t_mins, t_maxs = torch.empty(2, *shape, device=rays_o.device)
    hits = torch.empty(shape, dtype=torch.bool, device=rays_o.device)
    inputs = [rays_o, rays_d, boxes.reshape(-1), near_plane, far_plane, miss_value]
    launch(_ray_boxes, shape[:1], [*inputs, *(x.view(-1) for x in (t_mins, t_maxs, hits))], grain=_GRAIN)
    return t_mins, t_maxs, hits


def walk_grids(
    rays_o: Tensor,
    rays_d: Tensor,
    binaries: Tensor,
    boxes: Tensor,
    crossings: Crossings,
    limits: WalkLimits,
    reserve: bool = False,
) -> Walked:
    """The samples of rays in the occupied cells of grids.

    Args:
        rays_o, rays_d: (n_rays, 3) float32, unit directions.
        binaries: (n_boxes, nx, ny, nz) bool, whether a cell is occupied.
        boxes: (n_boxes, 6) float32.
        reserve: reserve `most_samples` places for each ray instead of counting the samples first; those that no sample
            takes are 0, neither left nor right nor valid. The starts count without them.

    Raises:
        ValueError: `reserve` without `most_samples`.
    """
    if reserve and limits.most_samples <= 0:
        raise ValueError("expected a limit of samples a ray to reserve places for, found none: set most_samples")
    n_rays, device = rays_o.shape[0], rays_o.device
    none = [torch.empty(0, dtype=kind, device=device) for kind in (torch.float32, torch.int64, torch.bool)]
    counts = torch.zeros(2, n_rays, dtype=torch.int64, device=device)
    ends = torch.empty(n_rays, device=device)

    def walk(starts: Tensor, edges: list[Tensor], middles: list[Tensor]) -> None:
        inputs = [rays_o, rays_d, limits.mask, binaries, boxes.reshape(-1)]
        inputs += [x.reshape(-1) for x in crossings]
        inputs += [limits.near_planes, limits.far_planes, limits.step_size, limits.cone_angle, limits.most_samples]
        launch(_walk, (n_rays,), [*inputs, *starts, *edges, *middles, *counts, ends], grain=_GRAIN, slices_a_thread=4)

    if reserve:
        places = limits.mask.long() * limits.most_samples
        reserved = torch.stack([2 * places, places])
    else:
        walk(counts, [*none, none[2]], none)
        reserved = counts.clone()
    starts = reserved.cumsum(1) - reserved
    n_edges, n_samples = reserved.sum(1).tolist()
    edges = [
        torch.zeros(n_edges, dtype=kind, device=device) for kind in (torch.float32, torch.int64, *2 * (torch.bool,))
    ]
    middles = [torch.zeros(n_samples, dtype=kind, device=device) for kind in (torch.float32, torch.int64, torch.bool)]
    walk(starts, edges, middles)
    packed = counts.cumsum(1) - counts
    return Walked(Edges(packed[0], counts[0], *edges), Middles(packed[1], counts[1], *middles), ends)
