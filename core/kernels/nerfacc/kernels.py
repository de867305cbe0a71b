"""nerfacc's CUDA kernels (Li et al. 2023) in place of Warp's for rounds of a march and sums along rays.

They are used only where they take the same samples as our march; everything else stays with Warp:

- nerfacc doesn't grow the step while a ray crosses empty cells, so Warp marches if there is a cone angle;
- it crosses empty cells by adding one step after the other, which never ends once t + step == t in float32;
- it has no counterpart for first cells, dense counts and keeping a march's samples; torch sums values.

A crop box, the planes and the jitter reach nerfacc as each ray's own near and far plane: where the ray continues and
where it ends.
"""

from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.config.types import Box
from core.errors import BackendUnavailable
from core.geometry.boxes import outer_box
from core.geometry.rays import Rays, Samples
from core.kernels.grid import FAR_AWAY, FLOAT_SPACING, GridState
from core.kernels.march_start import intersect_box


class NerfaccKernels:
    """nerfacc's compiled functions.

    Args:
        extension: the module that nerfacc's `csrc/nerfacc.cpp` defines, see `core.kernels.nerfacc.build.load`.
        device_type: the device type of the tensors that it takes.
    """

    def __init__(self, extension: ModuleType, device_type: str = "cuda"):
        self._extension, self.device_type = extension, device_type

    def take(self, tensor: Tensor) -> bool:
        """Whether the kernels work on this tensor's device."""
        return tensor.device.type == self.device_type

    def march(self, grid: GridState, rays: Rays, settings: MarchSettings, t_maxs: Tensor) -> "NerfaccMarch | None":
        """nerfacc's march, or None where it would take other samples than ours.

        Args:
            t_maxs: (n_rays,) float32, where each ray ends.
        """
        if settings.cone_angle > 0.0 or settings.render_step_size < FLOAT_SPACING * settings.far_plane:
            return None
        return NerfaccMarch(self._extension, grid, rays, settings.render_step_size, t_maxs)

    def exclusive_sum(self, values: Tensor, packed_info: Tensor) -> Tensor:
        """For each sample the sum of the values before it on its ray, (n_samples,); differentiable.

        Args:
            values: (n_samples,) float32.
            packed_info: (n_rays, 2) int32.
        """
        starts, counts = (column.contiguous() for column in packed_info.long().unbind(1))
        return _ExclusiveSum.apply(values, starts, counts, self._extension)


def proven(kernels: NerfaccKernels) -> NerfaccKernels:
    """The same kernels, after a check that their sums are right: nerfacc doesn't notice if a launch fails.

    Raises:
        BackendUnavailable: the sums are wrong.
    """
    packed_info = torch.tensor([[0, 1], [1, 3]], dtype=torch.int32, device=kernels.device_type)
    values = torch.tensor([8.0, 1.0, 2.0, 4.0], device=kernels.device_type)
    try:
        sums = kernels.exclusive_sum(values, packed_info).tolist()
    except RuntimeError as error:  # CUDA's messages have several lines
        sums = str(error).partition("\n")[0]
    if sums != [0.0, 0.0, 1.0, 3.0]:
        raise BackendUnavailable(f"nerfacc's kernels don't work on this GPU (sums: {sums}): run with --backend warp")
    return kernels


class NerfaccMarch:
    """Rays on their way through a grid, with the inputs that every round passes to nerfacc."""

    def __init__(self, extension: ModuleType, grid: GridState, rays: Rays, step_size: float, t_maxs: Tensor):
        self._extension, self._grid, self._rays = extension, grid, rays
        self._step_size, self._t_maxs = step_size, t_maxs
        n_levels, device = grid.binaries.shape[0], t_maxs.device
        self._aabbs = _aabbs(grid.box, n_levels, device)
        # Near and far don't clip here: for a camera inside several boxes, the coarsest one must be entered first.
        boxes = [outer_box(grid.box, level + 1) for level in range(n_levels)]
        ranges = [intersect_box(rays, box, -FAR_AWAY, FAR_AWAY) for box in boxes]
        entries, exits = (torch.stack(ts, dim=1) for ts in zip(*ranges, strict=True))
        self._hits = entries < exits
        crossings = torch.cat([entries, exits], dim=1).masked_fill(~self._hits.repeat(1, 2), torch.inf)
        self._crossings, self._order = torch.sort(crossings, dim=1)
        self._every_ray = torch.empty(0, dtype=torch.bool, device=device)

    def round(self, rays: Tensor, max_samples: int, t_nexts: Tensor) -> Samples:
        """See `core.kernels.marching.March.round`.

        Args:
            rays: (n_active,) int32, at least one.
            t_nexts: (n_rays,) float32, where each ray continues; updated.
        """
        nears, fars = t_nexts[rays], self._t_maxs[rays]
        _, found, reached = self._extension.traverse_grids(
            self._rays.rays_o[rays],
            self._rays.rays_d[rays],
            self._every_ray,
            self._grid.binaries,
            self._aabbs,
            self._crossings[rays],
            self._order[rays],
            self._hits[rays],
            nears,
            fars,
            self._step_size,
            0.0,  # the cone angle
            False,  # no intervals: samples are their midpoints
            True,
            True,
            max_samples,
            False,  # no over-allocation: it counts first, then allocates what is needed
        )
        # `reached` is written only for rays with a sample
        goes_on = (found.chunk_cnts == max_samples) & (reached + 0.5 * self._step_size < fars)
        t_nexts[rays] = torch.where(goes_on, reached, FAR_AWAY)
        t_starts = found.vals - 0.5 * self._step_size
        packed_info = torch.stack([found.chunk_starts, found.chunk_cnts], dim=1).int()
        return Samples(t_starts, t_starts + self._step_size, rays[found.ray_indices], packed_info)


class _ExclusiveSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor, starts: Tensor, counts: Tensor, extension: ModuleType) -> Tensor:
        ctx.save_for_backward(starts, counts)
        ctx.extension = extension
        return extension.exclusive_sum(starts, counts, values.contiguous(), False, False)

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (grads,) = grad_outputs
        starts, counts = ctx.saved_tensors
        return ctx.extension.exclusive_sum(starts, counts, grads.contiguous(), False, True), None, None, None


@lru_cache(maxsize=8)
def _aabbs(box: Box, n_levels: int, device: torch.device) -> Tensor:
    """The bounds of each level, (n_levels, 6) float32; cached, as copying them to a GPU would block."""
    return torch.tensor([outer_box(box, level + 1) for level in range(n_levels)], device=device)
