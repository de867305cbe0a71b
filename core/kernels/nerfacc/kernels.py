"""What nerfacc's CUDA kernels (Li et al. 2023) do in place of Warp's: rounds of a march, and sums along rays.

They serve where they take the same samples as the marcher's law says, and Warp's serve everywhere else:

- nerfacc does not let a step grow while a ray passes empty cells, so marches with a cone angle are Warp's;
- it adds step to step on the way through empty cells, for ever once float32 can't tell t from t + step;
- first cells, dense counts and what is kept of a march have no counterpart there; sums of values are torch's.

A crop box, the planes and the jitter reach nerfacc as each ray's own near and far plane: where it goes on, and its end.
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
        extension: the module that nerfacc's `csrc/nerfacc.cpp` describes, see `core.kernels.nerfacc.build.load`.
        device_type: of the tensors it takes.
    """

    def __init__(self, extension: ModuleType, device_type: str = "cuda"):
        self._extension, self.device_type = extension, device_type

    def take(self, tensor: Tensor) -> bool:
        """Whether they work on tensors that lie where this one does."""
        return tensor.device.type == self.device_type

    def march(self, grid: GridState, rays: Rays, settings: MarchSettings, t_maxs: Tensor) -> "NerfaccMarch | None":
        """A march of theirs, or None where they would take other samples than the law says.

        Args:
            t_maxs: (n_rays,) float32, where each ray ends.
        """
        if settings.cone_angle > 0.0 or settings.render_step_size < FLOAT_SPACING * settings.far_plane:
            return None
        return NerfaccMarch(self._extension, grid, rays, settings.render_step_size, t_maxs)

    def exclusive_sum(self, values: Tensor, packed_info: Tensor) -> Tensor:
        """The sum of the earlier values on a sample's ray, (n_samples,); differentiable.

        Args:
            values: (n_samples,) float32.
            packed_info: (n_rays, 2) int32.
        """
        starts, counts = (column.contiguous() for column in packed_info.long().unbind(1))
        return _ExclusiveSum.apply(values, starts, counts, self._extension)


def proven(kernels: NerfaccKernels) -> NerfaccKernels:
    """The kernels, once they have given the right sums: nerfacc does not look whether a launch failed.

    Raises:
        BackendUnavailable: they gave others.
    """
    packed_info = torch.tensor([[0, 1], [1, 3]], dtype=torch.int32, device=kernels.device_type)
    values = torch.tensor([8.0, 1.0, 2.0, 4.0], device=kernels.device_type)
    try:
        sums = kernels.exclusive_sum(values, packed_info).tolist()
    except RuntimeError as error:  # what CUDA says has several lines
        sums = str(error).partition("\n")[0]
    if sums != [0.0, 0.0, 1.0, 3.0]:
        raise BackendUnavailable(f"nerfacc's kernels don't work on this GPU (sums: {sums}): run with --backend warp")
    return kernels


class NerfaccMarch:
    """Rays on their way through a grid: what every round hands to nerfacc."""

    def __init__(self, extension: ModuleType, grid: GridState, rays: Rays, step_size: float, t_maxs: Tensor):
        self._extension, self._grid, self._rays = extension, grid, rays
        self._step_size, self._t_maxs = step_size, t_maxs
        n_levels, device = grid.binaries.shape[0], t_maxs.device
        self._aabbs = _aabbs(grid.box, n_levels, device)
        # Planes are unbounded here: a camera in several boxes must have entered the coarsest one first.
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
            t_nexts: (n_rays,) float32, where each ray goes on; updated.
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
            False,  # intervals, of which samples are the middles
            True,
            True,
            max_samples,
            False,  # counts first, and allocates what is needed
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
    """The bounds of each level, (n_levels, 6) float32; kept, for a copy to a GPU would be waited for."""
    return torch.tensor([outer_box(box, level + 1) for level in range(n_levels)], device=device)
