"""Marching rays through nested occupancy grids (instant-ngp, appendix E; NerfAcc's multi-level grids).

The law: a ray is divided from the near plane on into adjacent intervals, each `max(step_size, cone_angle * t)` long,
and at least `FLOAT_SPACING * t`, so that float32 can tell t from t + step. An interval becomes a sample if its midpoint
lies in the ray's [t_min, t_max) and in an occupied cell of the finest level that contains it. Everything else here
serves to find these intervals fast, and to stop after some of them and continue later.
"""

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.geometry.rays import Rays, Samples
from core.kernels.grid import FLOAT_SPACING, Grid, GridState
from core.kernels.march_start import begin_march
from core.kernels.runtime.backend import nerfacc_for
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch, launch_runs
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Float, Floats, Int, Ints, Vec2is, Vec3s

_RUN = 1024
"""Rays in a run: a thread of the CPU takes them one after the other, sixteen at a time."""


@cpp_kernel("march.h", "march_round", run_over="rays")
def _march(
    first: Int,
    last: Int,
    limit: Int,
    rays: Ints,
    grid: Grid,
    rays_o: Vec3s,
    rays_d: Vec3s,
    step_size: Float,
    cone_angle: Float,
    t_maxs: Floats,
    t_nexts: Floats,
    starts: Floats,
    counts: Ints,
): ...


@cpp_kernel("march.h", "pack_round")
def _pack(
    i: Int,
    limit: Int,
    rays: Ints,
    ends: Ints,
    counts: Ints,
    starts: Floats,
    step_size: Float,
    cone_angle: Float,
    t_starts: Floats,
    t_ends: Floats,
    ray_indices: Ints,
    packed_info: Vec2is,
): ...


class March:
    """A march in rounds: it keeps where each ray goes on, and takes the next samples.

    Attributes:
        t_mins, t_maxs: (n_rays,) float32, where each ray lies in the box, the crop and between the planes; a ray with
            t_min >= t_max has no samples.
        t_nexts: (n_rays,) float32, where each ray goes on; FAR_AWAY where it is done.
        n_dense: (n_rays,) int32, how many samples each ray would take if every cell were occupied.
        grid_shape: the marched grid's n_levels, nx, ny, nz.
        by_nerfacc: marches the rounds by nerfacc's kernels, if these are in use and can; else None.
    """

    def __init__(
        self,
        grid: GridState,
        rays: Rays,
        settings: MarchSettings,
        jitter: Tensor | None = None,
        planes: tuple[Tensor, Tensor] | None = None,
    ):
        """
        Args:
            jitter: (n_rays,) in [0, 1), shifts each ray's intervals by that part of a step; None: no shift.
            planes: each ray's own near and far plane, (n_rays,) float32 each; None: the settings' for all.
        """
        if rays.rays_o.device != grid.binaries.device:
            raise ValueError(
                f"expected rays on the grid's device, {grid.binaries.device}, found them on {rays.rays_o.device}: move "
                "the camera there, as with camera.to(trainer.device)"
            )
        each = rays.rays_o.shape[:1]
        if planes is not None and not planes[0].shape == planes[1].shape == each:
            found = " and ".join(str(tuple(x.shape)) for x in planes)
            raise ValueError(f"expected a near and a far plane of each ray, {tuple(each)}, found {found}")
        rays = rays._replace(rays_o=rays.rays_o.contiguous(), rays_d=rays.rays_d.contiguous())
        self._grid, self._rays, self.grid_shape = grid.struct, rays, tuple(grid.binaries.shape)
        self._steps = [settings.render_step_size, max(settings.cone_angle, FLOAT_SPACING)]
        box, step_size, cone_angle = grid.marched_box(settings.crop), *self._steps
        self.t_mins, self.t_maxs, self.t_nexts, self.n_dense = begin_march(
            rays, box, settings.near_plane, settings.far_plane, step_size, cone_angle, jitter, planes
        )
        nerfacc = nerfacc_for(self.t_maxs)
        self.by_nerfacc = None if nerfacc is None else nerfacc.march(grid, rays, settings, self.t_maxs)

    def arguments(self) -> list:
        """Arguments of kernels that march: grid, origins, directions, steps, `t_maxs` and `t_nexts`."""
        return [self._grid, *self._rays[:2], *self._steps, self.t_maxs, self.t_nexts]

    def round(self, rays: Tensor, max_samples: int) -> Samples:
        """The next samples, at most `max_samples` a ray, of some rays.

        Args:
            rays: (n_active,) int32, indices of rays.

        Returns:
            Samples whose ray_indices count over all rays and whose packed_info (n_active, 2) over `rays`.
        """
        n_active, device = rays.shape[0], rays.device
        if self.by_nerfacc is not None and n_active:
            return self.by_nerfacc.round(rays, max_samples, self.t_nexts)
        starts = torch.empty(n_active, max_samples, device=device)
        counts = torch.empty(n_active, dtype=torch.int32, device=device)
        inputs = [max_samples, rays, *self.arguments(), starts.view(-1), counts]
        launch_runs(_march, (n_active,), _RUN, inputs, grain=1)
        ends = torch.cumsum(counts, 0, dtype=torch.int32)
        n_samples = int(ends[-1]) if n_active else 0
        t_starts, t_ends = torch.empty(2, n_samples, device=device)
        ray_indices = torch.empty(n_samples, dtype=torch.int32, device=device)
        packed_info = torch.empty(n_active, 2, dtype=torch.int32, device=device)
        launch(
            _pack,
            (n_active,),
            [
                max_samples,
                rays,
                ends,
                counts,
                starts.view(-1),
                *self._steps,
                t_starts,
                t_ends,
                ray_indices,
                packed_info,
            ],
        )
        return Samples(t_starts, t_ends, ray_indices, packed_info)


@cpp_kernel("midpoints.h", "midpoints", run_over="ray_indices", module=f"{__name__}.midpoints")
def _midpoints(
    first: Int,
    last: Int,
    rays_o: Vec3s,
    rays_d: Vec3s,
    t_starts: Floats,
    t_ends: Floats,
    ray_indices: Ints,
    positions: Vec3s,
    directions: Vec3s,
): ...


class _Midpoints(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t_starts: Tensor, t_ends: Tensor, rays: Rays, ray_indices: Tensor, directed: bool):
        n, device = t_starts.shape[0], t_starts.device
        positions, directions = torch.empty(n, 3, device=device), torch.empty(n if directed else 0, 3, device=device)
        given = [x.contiguous() for x in (*rays[:2], t_starts, t_ends, ray_indices)]
        launch_runs(_midpoints, (n,), _RUN, [*given, positions, directions], grain=4)
        ctx.save_for_backward(directions)
        ctx.mark_non_differentiable(directions)
        return positions, directions

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        position_grads, _ = grad_outputs
        (directions,) = ctx.saved_tensors
        halves = 0.5 * (position_grads * directions).sum(1)
        return halves, halves, None, None, None


@replaceable("midpoints")
def midpoints(rays: Rays, samples: Samples, directed: bool = True) -> tuple[Tensor, Tensor]:
    """Where samples are looked up: the middles of their intervals, (n_samples, 3), or (n_samples, 4) with their time
    last where the rays have times; and their rays' directions, (n_samples, 3). Differentiable in the intervals.

    Args:
        directed: False: the directions aren't wanted; they are then (0, 3) unless gradients are recorded.
    """
    directed = directed or torch.is_grad_enabled()
    positions, directions = _Midpoints.apply(samples.t_starts, samples.t_ends, rays, samples.ray_indices, directed)
    if rays.times is not None:
        positions = torch.cat([positions, rays.times[samples.ray_indices][:, None]], dim=1)
    return positions, directions
