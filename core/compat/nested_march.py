"""nerfacc's walk where it is the product's own march: in equal steps, to the end, through grids nested about a centre.

`core.kernels.marching` then finds the same samples, several times as fast.
"""

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.geometry.boxes import box_of, outer_box
from core.geometry.rays import Rays
from core.kernels.grid import FLOAT_SPACING, GridState
from core.kernels.grid_walk import Walked, WalkLimits
from core.kernels.marching import March
from core.kernels.sample_edges import edges_and_middles

_MOST_PLACES = 1 << 26
"""The most samples that all rays could have: a march of one round reserves a place for each."""

_DRIFT = 0.125
"""The part of a step by which the march, which adds its steps up, may differ from the walk, which counts them."""

_SHORTEST, _LONGEST = 1e-9, 1e6
"""Steps that `MarchSettings` takes."""

_last: tuple[GridState, int] | None = None


def march_nested(rays_o: Tensor, rays_d: Tensor, binaries: Tensor, boxes: Tensor, limits: WalkLimits) -> Walked | None:
    """See `core.kernels.grid_walk.walk_grids`; None where the march would find other samples than the walk."""
    equal_steps = limits.cone_angle == 0.0 and _SHORTEST <= limits.step_size <= _LONGEST
    if not equal_steps or limits.most_samples > 0 or rays_o.shape[0] == 0:
        return None
    # from a negative plane on, the march would find what lies behind a ray's origin
    if not bool((limits.mask & (limits.near_planes >= 0.0)).all()):
        return None
    grid = _nested_grid(binaries, boxes)
    if grid is None:
        return None
    near, step = limits.near_planes, limits.step_size
    planes = near, limits.far_planes
    march = March(grid, Rays(rays_o, rays_d), MarchSettings(render_step_size=step), planes=planes)
    n_rays, most = rays_o.shape[0], int(march.n_dense.max())
    drift = most * 0.5 * FLOAT_SPACING * float(march.t_maxs[march.t_mins < march.t_maxs].amax()) if most else 0.0
    if n_rays * most > _MOST_PLACES or drift > _DRIFT * step:
        return None
    every_ray = torch.arange(n_rays, dtype=torch.int32, device=rays_o.device)
    edges, middles = edges_and_middles(march.round(every_ray, max(1, most)))
    passed = torch.ceil((march.t_maxs - near) / step - 0.5)
    return Walked(edges, middles, torch.where(march.t_mins < march.t_maxs, near + passed * step, near))


def _nested_grid(binaries: Tensor, boxes: Tensor) -> GridState | None:
    """The grids as the march takes them; None if their boxes aren't nested. The last one is kept: nerfacc's estimator
    changes its grid only now and then, and the march needs the cells' clearances."""
    global _last
    base, *outer = boxes.double().tolist()
    box, sizes = box_of(base), boxes.new_tensor(base[3:]) - boxes.new_tensor(base[:3])
    for level, bounds in enumerate(outer):
        expected = boxes.new_tensor(outer_box(box, level + 2)).view(2, 3)
        if bool(((boxes.new_tensor(bounds).view(2, 3) - expected).abs() > 1e-5 * sizes).any()):
            return None
    if binaries.is_inference():  # such tensors don't count their changes
        return GridState(box, binaries)
    kept = _last  # another thread may replace it
    if kept is None or kept[0].binaries is not binaries or kept[0].box != box or kept[1] != binaries._version:
        kept = _last = GridState(box, binaries), binaries._version
    return kept[0]
