"""Where rays enter and leave a box, and where a march through it begins.

A march's intervals follow each other from the near plane whether or not a ray lies in the box: the first one is found
in closed form, and so is how many there are until the ray leaves.
"""

from functools import lru_cache

import torch
import warp as wp
from torch import Tensor

from core.geometry.rays import Rays
from core.kernels.grid import FAR_AWAY
from core.kernels.lanes import LANES_CODE
from core.kernels.march_code import LEAP_CODE
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.native import native_kernel

_RUN = 256
"""Rays that a thread of the CPU takes one after the other, sixteen at a time."""

_GRAIN = 16
"""Runs that are worth a thread."""

_SKIP = """
    struct Reached { float t, n; };
    auto reached = [](float t, float n) { return Reached{t, n}; };
    auto leap = [=](float t, float target) -> Reached { LEAP };
    auto step_at = [=](Row t) WIDE {
        const Row grown = cone_angle * t;
        return grown > step_size ? grown : zeros + step_size;
    };
    // to the first interval whose middle is not before a target; gives the number of intervals passed
    auto skip_to = [=](Row& t, const Row target) WIDE {
        Row n = ceil_of((target - t) / step_size - 0.5f);
        n = n > zeros ? n : zeros;
        Row after = t + n * step_size;
        if (any(cone_angle * target >= zeros + step_size))
            for (int j = 0; j < LANES; ++j)
                if (cone_angle * lane((Row&)target, j) >= step_size) {
                    const Reached far = leap(lane(t, j), lane((Row&)target, j));
                    lane(after, j) = far.t;
                    lane(n, j) = far.n;
                }
        t = after;
        Whole passed = (Whole)whole(n < zeros + 1e9f ? n : zeros + 1e9f);
        for (Row pace = step_at(t); any(t + 0.5f * pace < target); pace = step_at(t)) {
            const auto before = t + 0.5f * pace < target;
            passed = before ? passed + 1 : passed;
            t = before ? t + pace : t;
        }
        return passed;
    };
"""

_ENTER = """
    const float* all_origins = reinterpret_cast<const float*>(rays_o.data);
    const float* all_directions = reinterpret_cast<const float*>(rays_d.data);
    const Row never = zeros + FAR_AWAY;
    auto enter_rays = [&](int i, int n) WIDE {
        Row enter = -never, leave = never, anchor = zeros + near_plane, lost = zeros;
        for (int axis = 0; axis < 3; ++axis) {
            Row o = zeros, d = zeros;
            for (int j = 0; j < n; ++j) {
                lane(o, j) = all_origins[3 * (size_t)(i + j) + axis];
                lane(d, j) = all_directions[3 * (size_t)(i + j) + axis];
            }
            const Row a = (low[axis] - o) / d, b = (high[axis] - o) / d;
            Row from = a < b ? a : b, to = a < b ? b : a;
            // all or nothing along the planes, where 0 * inf would be NaN; nothing in a crop box beside the grid
            const auto along = (d < zeros + 1e-12f) & (d > zeros - 1e-12f);
            from = along ? (o >= low[axis] ? -never : never) : from;
            from = along ? (o <= high[axis] ? from : never) : from;
            from = low[axis] > high[axis] ? never : from;
            to = along ? (from < zeros ? never : -never) : to;
            to = low[axis] > high[axis] ? -never : to;
            enter = from > enter ? from : enter;
            leave = to < leave ? to : leave;
            lost += 0.0f * o + 0.0f * d;
        }
        enter = lost == zeros ? enter : never;  // what is no number somewhere misses
        enter = enter < near_plane ? zeros + near_plane : enter;
        leave = far_plane < leave ? zeros + far_plane : leave;
        for (int j = 0; j < n; ++j) {
            t_mins.data[i + j] = lane(enter, j);
            t_maxs.data[i + j] = lane(leave, j);
        }
        if (!t_nexts.data)
            return;
        if (jitter.data)
            for (int j = 0; j < n; ++j)
                lane(anchor, j) += jitter.data[i + j] * step_size;
        const auto hits = enter < leave;
        Row start = anchor;
        skip_to(start, hits ? enter : -never);
        Row end = start;
        Whole count = skip_to(end, hits ? leave : -never);
        start = hits ? start : never;
        for (int j = 0; j < n; ++j) {
            t_nexts.data[i + j] = lane(start, j);
            n_dense.data[i + j] = reinterpret_cast<int*>(&count)[j];
        }
    };
    int i = first;
    for (; i + LANES <= last; i += LANES)
        enter_rays(i, LANES);
    if (i < last)
        enter_rays(i, last - i);
"""


@native_kernel(
    LANES_CODE
    + _SKIP.replace("LEAP", LEAP_CODE.replace("LEAPT(", "reached("))
    + _ENTER.replace("FAR_AWAY", f"{FAR_AWAY:g}f"),
    run_over="rays_o",
)
def _enter(
    first: wp.int32,
    last: wp.int32,
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
    low: wp.vec3f,
    high: wp.vec3f,
    near_plane: wp.float32,
    far_plane: wp.float32,
    jitter: wp.array(dtype=wp.float32),
    step_size: wp.float32,
    cone_angle: wp.float32,
    t_mins: wp.array(dtype=wp.float32),
    t_maxs: wp.array(dtype=wp.float32),
    t_nexts: wp.array(dtype=wp.float32),
    n_dense: wp.array(dtype=wp.int32),
): ...


def intersect_box(
    rays: Rays, box: tuple[float, ...], near_plane: float = 0.0, far_plane: float = 1e10
) -> tuple[Tensor, Tensor]:
    """Where rays are inside a box x0 y0 z0 x1 y1 z1 and between the planes.

    Returns:
        t_mins, t_maxs: (n_rays,) float32; a ray with t_mins >= t_maxs misses.
    """
    t_mins, t_maxs = torch.empty(2, rays.rays_o.shape[0], device=rays.rays_o.device)
    nothing = t_mins.new_empty(0)
    _launch(rays, box, [near_plane, far_plane, nothing, 1.0, 1.0, t_mins, t_maxs, nothing, nothing.int()])
    return t_mins, t_maxs


def begin_march(
    rays: Rays,
    box: tuple[float, ...],
    near_plane: float,
    far_plane: float,
    step_size: float,
    cone_angle: float,
    jitter: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where rays are inside a box, see `intersect_box`, and their intervals there, see `core.kernels.marching`.

    Args:
        cone_angle: at least `FLOAT_SPACING`.
        jitter: (n_rays,) float32 in [0, 1), shifts each ray's intervals by that part of a step; None: no shift.

    Returns:
        t_mins, t_maxs: (n_rays,) float32.
        t_firsts: (n_rays,) float32, the start of the first interval whose middle is inside; FAR_AWAY of a ray that
            misses.
        n_dense: (n_rays,) int32, how many intervals there are until the ray leaves.
    """
    t_mins, t_maxs, t_firsts = torch.empty(3, rays.rays_o.shape[0], device=rays.rays_o.device)
    n_dense = torch.empty_like(t_firsts, dtype=torch.int32)
    jitter = t_mins.new_empty(0) if jitter is None else jitter.contiguous()
    _launch(rays, box, [near_plane, far_plane, jitter, step_size, cone_angle, t_mins, t_maxs, t_firsts, n_dense])
    return t_mins, t_maxs, t_firsts, n_dense


@lru_cache(maxsize=64)
def _corners(box: tuple[float, ...]) -> tuple[wp.vec3f, wp.vec3f]:
    return wp.vec3f(*box[:3]), wp.vec3f(*box[3:])


def _launch(rays: Rays, box: tuple[float, ...], inputs: list) -> None:
    inputs = [rays.rays_o.contiguous(), rays.rays_d.contiguous(), *_corners(box), *inputs]
    launch_runs(_enter, (rays.rays_o.shape[0],), _RUN, inputs, grain=_GRAIN)
