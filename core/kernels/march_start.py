"""Where rays enter and leave a box, and where a march through it begins.

A march's intervals begin at the near plane, whether or not a ray is in the box there: the first one inside is found in
closed form, and so is their number until the ray leaves.
"""

from functools import lru_cache

import torch
import warp as wp
from torch import Tensor

from core.config.types import Box
from core.geometry.rays import Rays
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Float, Floats, Int, Ints, Vec3, Vec3s

_RUN = 256
"""Rays in a run: a thread of the CPU takes them one after the other, sixteen at a time."""

_GRAIN = 16
"""Runs that justify one more thread."""


@cpp_kernel("march_start.h", "enter_rays", run_over="rays_o")
def _enter(
    first: Int,
    last: Int,
    rays_o: Vec3s,
    rays_d: Vec3s,
    low: Vec3,
    high: Vec3,
    near_plane: Float,
    far_plane: Float,
    near_planes: Floats,
    far_planes: Floats,
    jitter: Floats,
    step_size: Float,
    cone_angle: Float,
    t_mins: Floats,
    t_maxs: Floats,
    t_nexts: Floats,
    n_dense: Ints,
): ...


@replaceable("intersect_box")
def intersect_box(rays: Rays, box: Box, near_plane: float = 0.0, far_plane: float = 1e10) -> tuple[Tensor, Tensor]:
    """Where rays are inside a box x0 y0 z0 x1 y1 z1 and between the planes.

    Returns:
        t_mins, t_maxs: (n_rays,) float32; a ray with t_mins >= t_maxs misses.
    """
    t_mins, t_maxs = torch.empty(2, rays.rays_o.shape[0], device=rays.rays_o.device)
    nothing = t_mins.new_empty(0)
    _launch(rays, box, [near_plane, far_plane, *3 * (nothing,), 1.0, 1.0, t_mins, t_maxs, nothing, nothing.int()])
    return t_mins, t_maxs


@replaceable("begin_march")
def begin_march(
    rays: Rays,
    box: Box,
    near_plane: float,
    far_plane: float,
    step_size: float,
    cone_angle: float,
    jitter: Tensor | None,
    planes: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where rays are inside a box, see `intersect_box`, and their intervals there, see `core.kernels.marching`.

    Args:
        cone_angle: at least `FLOAT_SPACING`.
        jitter: (n_rays,) float32 in [0, 1), shifts each ray's intervals by that part of a step; None: no shift.
        planes: each ray's own near and far plane, (n_rays,) float32 each, in place of those of all.

    Returns:
        t_mins, t_maxs: (n_rays,) float32.
        t_firsts: (n_rays,) float32, the start of the first interval whose middle is inside; FAR_AWAY of a ray that
            misses.
        n_dense: (n_rays,) int32, how many intervals there are until the ray leaves.
    """
    t_mins, t_maxs, t_firsts = torch.empty(3, rays.rays_o.shape[0], device=rays.rays_o.device)
    n_dense = torch.empty_like(t_firsts, dtype=torch.int32)
    none = t_mins.new_empty(0)
    optional = [none if x is None else x.contiguous() for x in (*(planes or (None, None)), jitter)]
    _launch(rays, box, [near_plane, far_plane, *optional, step_size, cone_angle, t_mins, t_maxs, t_firsts, n_dense])
    return t_mins, t_maxs, t_firsts, n_dense


@lru_cache(maxsize=64)
def _corners(box: Box) -> tuple[wp.vec3f, wp.vec3f]:
    return wp.vec3f(*box[:3]), wp.vec3f(*box[3:])


def _launch(rays: Rays, box: Box, inputs: list) -> None:
    inputs = [rays.rays_o.contiguous(), rays.rays_d.contiguous(), *_corners(box), *inputs]
    launch_runs(_enter, (rays.rays_o.shape[0],), _RUN, inputs, grain=_GRAIN)
