"""A slow, obvious twin of the two functions of nerfacc's extension that we call, after the comments in its grid.cu.

The arguments and results are those of the compiled functions, on the CPU; it asserts what those assume.
"""

from types import SimpleNamespace

import torch


def traverse_grids(
    rays_o, rays_d, rays_mask, binaries, aabbs, t_sorted, t_indices, hits, near_planes, far_planes, step_size,
    cone_angle, compute_intervals, compute_samples, compute_terminate_planes, traverse_steps_limit, over_allocate,
):  # fmt: skip
    floats = rays_o, rays_d, aabbs, t_sorted, near_planes, far_planes
    assert all(x.is_contiguous() for x in (*floats, binaries, t_indices, hits))
    assert all(x.dtype == torch.float32 for x in floats) and t_indices.dtype == torch.int64
    assert hits.dtype == binaries.dtype == torch.bool
    assert rays_o.shape[0] > 0, "it divides by the number of rays"
    assert cone_angle == 0.0 and not compute_intervals and not over_allocate and traverse_steps_limit > 0
    mids, indices, counts = [], [], []
    reached = torch.full_like(near_planes, torch.nan)  # not written for rays without a sample
    for r in range(rays_o.shape[0]):
        t, n = float(near_planes[r]), 0
        for low, high, level in _segments(t_sorted[r].tolist(), t_indices[r].tolist(), hits[r].tolist()):
            low, high = max(low, float(near_planes[r])), min(high, float(far_planes[r]))
            while low < high and t + 0.5 * step_size < low:
                t += step_size
            while n < traverse_steps_limit and t + 0.5 * step_size < high:
                middle = t + 0.5 * step_size
                if _occupied(rays_o[r] + middle * rays_d[r], binaries[level], aabbs[level]):
                    mids, indices, n = [*mids, middle], [*indices, r], n + 1
                    reached[r] = t + step_size
                t += step_size
        counts.append(n)
    chunk_cnts = torch.tensor(counts)
    found = SimpleNamespace(
        vals=torch.tensor(mids, dtype=torch.float32),
        ray_indices=torch.tensor(indices, dtype=torch.int64),
        chunk_starts=chunk_cnts.cumsum(0) - chunk_cnts,
        chunk_cnts=chunk_cnts,
    )
    return None, found, reached


def _segments(ts, order, hits):
    """The segments of a ray in each level, by its sorted crossings; a level's exit leads into the next coarser one."""
    n_levels = len(hits)
    for i in range(2 * n_levels - 1):
        level = order[i] % n_levels
        if not hits[level]:
            continue
        if order[i] >= n_levels:
            level = order[i + 1] % n_levels
            if order[i + 1] < n_levels or not hits[level]:
                continue
        yield ts[i], ts[i + 1], level


def _occupied(position, binaries, aabb):
    shape = torch.tensor(binaries.shape)
    unit = (position - aabb[:3]) / (aabb[3:] - aabb[:3])
    return bool(binaries[tuple((unit * shape).long().clamp(torch.zeros_like(shape), shape - 1))])


def exclusive_sum(chunk_starts, chunk_cnts, inputs, normalize, backward):
    assert chunk_starts.dtype == chunk_cnts.dtype == torch.int64 and inputs.is_contiguous() and not normalize
    outputs = torch.empty_like(inputs)
    for first, n in zip(chunk_starts.tolist(), chunk_cnts.tolist(), strict=True):
        chunk = inputs[first : first + n]
        outputs[first : first + n] = (chunk.flip(0).cumsum(0).flip(0) if backward else chunk.cumsum(0)) - chunk
    return outputs
