"""The ends and middles of packed samples, in nerfacc's form: samples that adjoin share an end."""

import torch

from core.geometry.rays import Samples
from core.kernels.grid_walk import Edges, Middles
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.types import Bools, Floats, Int, LongInts, Vec2is

_GRAIN = 1 << 9
"""Rays that justify one more thread."""


@cpp_kernel("sample_edges.h", "sample_edges")
def _edges(
    ray: Int,
    packed_info: Vec2is,
    t_starts: Floats,
    t_ends: Floats,
    edge_starts: LongInts,
    counts: LongInts,
    edges: Floats,
    edge_rays: LongInts,
    is_left: Bools,
    is_right: Bools,
    middles: Floats,
    middle_rays: LongInts,
): ...


def edges_and_middles(samples: Samples) -> tuple[Edges, Middles]:
    """The ends and middles of samples whose `packed_info` counts over all rays."""
    n_rays, device = samples.packed_info.shape[0], samples.t_starts.device
    counts = torch.empty(n_rays, dtype=torch.int64, device=device)
    inputs = [samples.packed_info, samples.t_starts, samples.t_ends, counts, counts]

    def columns(n: int) -> list[torch.Tensor]:
        kinds = torch.float32, torch.int64, torch.bool, torch.bool
        return [torch.empty(n, dtype=kind, device=device) for kind in kinds]

    nothing = columns(0)
    launch(_edges, (n_rays,), [*inputs, *nothing, *nothing[:2]], grain=_GRAIN)
    starts = counts.cumsum(0) - counts
    edges, middles = columns(int(counts.sum())), columns(samples.n_samples)[:2]
    inputs[3] = starts
    launch(_edges, (n_rays,), [*inputs, *edges, *middles], grain=_GRAIN)
    first, n = samples.packed_info.long().unbind(1)
    valid = torch.ones(samples.n_samples, dtype=torch.bool, device=device)
    vals, ray_indices = middles
    return Edges(starts, counts, *edges), Middles(first, n, vals, ray_indices, valid)
