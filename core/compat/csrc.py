"""What nerfacc 0.5.3 calls its compiled module for: its class and twelve functions, by Firstlight's kernels.

Names, arguments and results are those of nerfacc's `csrc/nerfacc.cpp`, so that its Python needs no change. Tensors may
lie on the CPU or on a GPU; numbers are float32, indices int64. Where they differ, on purpose, `README.md` beside this
file says so.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.compat.checks import check_format, check_packed, check_shape
from core.compat.nested_march import march_nested
from core.geometry.lenses import Lens, straighten
from core.kernels import grid_walk, inverse_sampling, packed_scan
from core.kernels.inverse_sampling import Ranges


@dataclass
class RaySegmentsSpec:
    """Values along rays: (n_rays, n_each) or packed, (n,), with the rays' starts and counts, (n_rays,) int64.

    Attributes:
        ray_indices: (n,) int64; is_left, is_right, is_valid: (n,) bool; all for packed values only.
    """

    vals: Tensor | None = None
    is_left: Tensor | None = None
    is_right: Tensor | None = None
    is_valid: Tensor | None = None
    chunk_starts: Tensor | None = None
    chunk_cnts: Tensor | None = None
    ray_indices: Tensor | None = None


def inclusive_sum(chunk_starts: Tensor, chunk_cnts: Tensor, inputs: Tensor, normalize: bool, backward: bool) -> Tensor:
    """Sums along rays up to and with each input (n,); `backward`: from the ray's end."""
    check_packed(chunk_starts, chunk_cnts, inputs)
    return packed_scan.packed_sums(chunk_starts, chunk_cnts, inputs, True, normalize, backward)


def exclusive_sum(chunk_starts: Tensor, chunk_cnts: Tensor, inputs: Tensor, normalize: bool, backward: bool) -> Tensor:
    """Sums along rays before each input (n,); `backward`: from the ray's end."""
    check_packed(chunk_starts, chunk_cnts, inputs)
    return packed_scan.packed_sums(chunk_starts, chunk_cnts, inputs, False, normalize, backward)


def inclusive_prod_forward(chunk_starts: Tensor, chunk_cnts: Tensor, inputs: Tensor) -> Tensor:
    """Products along rays up to and with each input (n,)."""
    check_packed(chunk_starts, chunk_cnts, inputs)
    return packed_scan.packed_products(chunk_starts, chunk_cnts, inputs, True)


def inclusive_prod_backward(
    chunk_starts: Tensor, chunk_cnts: Tensor, inputs: Tensor, outputs: Tensor, grad_outputs: Tensor
) -> Tensor:
    """Gradients (n,) of the inputs of `inclusive_prod_forward`, also where inputs are 0."""
    check_packed(chunk_starts, chunk_cnts, inputs, outputs, grad_outputs)
    return packed_scan.packed_product_grads(chunk_starts, chunk_cnts, inputs, outputs, grad_outputs, True)


def exclusive_prod_forward(chunk_starts: Tensor, chunk_cnts: Tensor, inputs: Tensor) -> Tensor:
    """Products along rays before each input (n,)."""
    check_packed(chunk_starts, chunk_cnts, inputs)
    return packed_scan.packed_products(chunk_starts, chunk_cnts, inputs, False)


def exclusive_prod_backward(
    chunk_starts: Tensor, chunk_cnts: Tensor, inputs: Tensor, outputs: Tensor, grad_outputs: Tensor
) -> Tensor:
    """Gradients (n,) of the inputs of `exclusive_prod_forward`, also where inputs are 0."""
    check_packed(chunk_starts, chunk_cnts, inputs, outputs, grad_outputs)
    return packed_scan.packed_product_grads(chunk_starts, chunk_cnts, inputs, outputs, grad_outputs, False)


def ray_aabb_intersect(
    rays_o: Tensor, rays_d: Tensor, aabbs: Tensor, near_plane: float, far_plane: float, miss_value: float
) -> list[Tensor]:
    """Where rays (n_rays, 3) are inside boxes (n_aabbs, 6): t_mins, t_maxs and hits, (n_rays, n_aabbs) each."""
    check_format(rays_o, rays_d, aabbs)
    return list(grid_walk.cross_boxes(rays_o, rays_d, aabbs, near_plane, far_plane, miss_value))


def traverse_grids(
    rays_o: Tensor,
    rays_d: Tensor,
    rays_mask: Tensor,
    binaries: Tensor,
    aabbs: Tensor,
    t_sorted: Tensor,
    t_indices: Tensor,
    hits: Tensor,
    near_planes: Tensor,
    far_planes: Tensor,
    step_size: float,
    cone_angle: float,
    compute_intervals: bool,
    compute_samples: bool,
    compute_terminate_planes: bool,
    traverse_steps_limit: int,
    over_allocate: bool,
) -> tuple[RaySegmentsSpec, RaySegmentsSpec, Tensor | None]:
    """Samples of rays in occupied cells: their edges, their middles, and where each ray ended, (n_rays,)."""
    check_format(rays_o, rays_d, aabbs, t_sorted, near_planes, far_planes)
    check_format(rays_mask, binaries, hits, kind=torch.bool)
    check_format(t_indices, kind=torch.int64)
    n_rays, n_grids = rays_o.shape[0], binaries.shape[0]
    check_shape("rays_d", rays_d, (n_rays, 3))
    check_shape("aabbs", aabbs, (n_grids, 6))
    check_shape("t_sorted", t_sorted, (n_rays, 2 * n_grids))
    check_shape("t_indices", t_indices, (n_rays, 2 * n_grids))
    check_shape("hits", hits, (n_rays, n_grids))
    check_shape("rays_mask", rays_mask, (n_rays,))
    check_shape("near_planes", near_planes, (n_rays,))
    check_shape("far_planes", far_planes, (n_rays,))
    if cone_angle < 0.0:
        raise ValueError(f"expected a cone_angle of at least 0, found {cone_angle:g}")
    crossings = grid_walk.Crossings(t_sorted, t_indices, hits)
    most = max(0, traverse_steps_limit)
    limits = grid_walk.WalkLimits(near_planes, far_planes, rays_mask, step_size, cone_angle, most)
    walked = None if over_allocate else march_nested(rays_o, rays_d, binaries, aabbs, limits)
    if walked is None:
        walked = grid_walk.walk_grids(rays_o, rays_d, binaries, aabbs, crossings, limits, over_allocate)
    edges, middles, ends = walked
    intervals, samples = RaySegmentsSpec(), RaySegmentsSpec()
    if compute_intervals:
        masks = edges.is_left, edges.is_right, None
        intervals = RaySegmentsSpec(edges.vals, *masks, edges.starts, edges.counts, edges.ray_indices)
    if compute_samples:
        masks = None, None, middles.is_valid
        samples = RaySegmentsSpec(middles.vals, *masks, middles.starts, middles.counts, middles.ray_indices)
    return intervals, samples, ends if compute_terminate_planes else None


def searchsorted(query: RaySegmentsSpec, key: RaySegmentsSpec) -> list[Tensor]:
    """For each query the keys of its ray on its left and right, clipped to them: indices int64, shaped as the queries.

    They count over all keys for packed queries, and over a ray's for others.
    """
    queries, keys = _vals(query), _vals(key)
    ranges = _ranges(query), _ranges(key)
    if ranges[0].n_rays != ranges[1].n_rays:
        raise ValueError(f"expected keys of {ranges[0].n_rays} rays, as the queries', found {ranges[1].n_rays}")
    batched = queries.ndim > 1
    found = inverse_sampling.neighbouring_keys(queries.view(-1), ranges[0], keys.view(-1), ranges[1], batched)
    return [ids.view(queries.shape) for ids in found]


def importance_sampling(
    ray_segments: RaySegmentsSpec, cdfs: Tensor, n_intervels_per_ray: Tensor | int, stratified: bool
) -> list[RaySegmentsSpec]:
    """Samples at equal steps of the CDFs at segments' edges, and the intervals around them: intervals, samples.

    Args:
        n_intervels_per_ray: samples of each ray, (n_rays,), which gives packed results, or of all rays, which gives
            (n_rays, n). (The name is nerfacc's.)
        stratified: shift each ray's samples at random, all by the same part of a step; torch's default generator draws.
    """
    edges = _vals(ray_segments)
    check_format(cdfs)
    ranges = _ranges(ray_segments)
    check_shape("cdfs", cdfs.reshape(-1), (edges.numel(),))
    bias = torch.rand(ranges.n_rays, device=edges.device) if stratified else None
    if isinstance(n_intervels_per_ray, Tensor):
        counts = n_intervels_per_ray.reshape(-1).long()
        check_shape("n_intervals_per_ray", counts, (ranges.n_rays,))
        own, new = _packed(counts), _packed((counts + 1) * (counts > 0))
    else:
        n = n_intervels_per_ray
        own, new = Ranges(ranges.n_rays, None, n), Ranges(ranges.n_rays, None, n + 1 if n else 0)
    vals, new_edges = inverse_sampling.inverse_samples(edges.view(-1), cdfs.reshape(-1), ranges, own, new, bias)
    if own.packed is None or new.packed is None:
        shape = edges.shape[:-1] if edges.ndim > 1 else (ranges.n_rays,)
        return [
            RaySegmentsSpec(new_edges.view(*shape, new.n_each)),
            RaySegmentsSpec(vals.view(*shape, own.n_each)),
        ]
    starts, ends = torch.ones(2, new_edges.shape[0], dtype=torch.bool, device=edges.device)
    first, count = new.packed
    some = count > 0
    starts[(first + count - 1)[some]] = False  # the last edge begins no interval, and the first one ends none
    ends[first[some]] = False
    return [
        RaySegmentsSpec(new_edges, starts, ends, None, first, count, _ray_indices(count)),
        RaySegmentsSpec(vals, None, None, None, *own.packed, _ray_indices(own.packed[1])),
    ]


def opencv_lens_undistortion(uv: Tensor, params: Tensor, eps: float, max_iterations: int) -> Tensor:
    """Points (..., 2) without the distortion k1, k2, p1, p2, k3 (.. k6), (..., 5 or 8).

    `core.geometry.lenses.straighten` decides when to stop; `eps` and `max_iterations` are accepted.

    Raises:
        ValueError: another number of coefficients; nerfacc's Python never passes the thin prism's.
    """
    check_format(uv, params)
    if params.shape[-1] not in (5, 8):
        raise ValueError(f"expected 5 or 8 coefficients of a lens, found {params.shape[-1]}")
    k1, k2, p1, p2, *others = params.unbind(-1)
    others += [torch.zeros_like(k1)] * (4 - len(others))
    return straighten(Lens(torch.stack([k1, k2, *others, p1, p2], dim=-1)), uv)[..., :2].contiguous()


def opencv_lens_undistortion_fisheye(uv: Tensor, params: Tensor, criteria_eps: float, criteria_iters: int) -> Tensor:
    """Points (..., 2) without the distortion k1 .. k4 (..., 4) of a fisheye lens, as a pinhole would see them."""
    check_format(uv, params)
    coefficients = torch.cat([params, torch.zeros_like(params)], dim=-1)
    ahead = straighten(Lens(coefficients, fisheye=True), uv)
    return ahead[..., :2] / ahead[..., 2:]


def _vals(spec: RaySegmentsSpec) -> Tensor:
    if spec.vals is None:
        raise ValueError("expected values along rays, found none")
    check_format(spec.vals)
    if spec.vals.ndim == 1 and (spec.chunk_starts is None or spec.chunk_cnts is None):
        raise ValueError("expected packed_info beside flattened values, found none")
    return spec.vals


def _ranges(spec: RaySegmentsSpec) -> Ranges:
    vals = _vals(spec)
    if vals.ndim > 1:
        return Ranges(math.prod(vals.shape[:-1]), None, vals.shape[-1])
    assert spec.chunk_starts is not None and spec.chunk_cnts is not None  # see `_vals`
    check_packed(spec.chunk_starts, spec.chunk_cnts, vals)
    return Ranges(spec.chunk_cnts.shape[0], (spec.chunk_starts, spec.chunk_cnts))


def _packed(counts: Tensor) -> Ranges:
    return Ranges(counts.shape[0], (counts.cumsum(0) - counts, counts))


def _ray_indices(counts: Tensor) -> Tensor:
    return torch.repeat_interleave(torch.arange(counts.shape[0], device=counts.device), counts)
