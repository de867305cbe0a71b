"""Looking values up in sorted ones, and inverse transform sampling, along rays (Mildenhall et al. 2020, section 5.2).

A ray's values are packed, `values[start : start + count]`, or each ray has as many of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.types import Bool, Floats, Int, LongInts

_GRAIN = 1 << 8
"""Rays that justify one more thread."""


@dataclass(frozen=True)
class Ranges:
    """Which values belong to which ray.

    Attributes:
        n_rays: number of rays.
        packed: their starts and counts, (n_rays,) int64 each; None: each ray has `n_each` values, in order.
        n_each: values a ray, unless they are packed.
    """

    n_rays: int
    packed: tuple[Tensor, Tensor] | None
    n_each: int = 0

    def arguments(self, device: torch.device) -> list:
        """A kernel's arguments: starts and counts, without data unless the values are packed, and `n_each`."""
        none = torch.empty(0, dtype=torch.int64, device=device)
        return [*(self.packed or (none, none)), self.n_each]


@cpp_kernel("inverse_sampling.h", "search_keys")
def _search(
    ray: Int,
    query_starts: LongInts,
    query_counts: LongInts,
    n_queries: Int,
    queries: Floats,
    key_starts: LongInts,
    key_counts: LongInts,
    n_keys: Int,
    keys: Floats,
    from_zero: Bool,
    left: LongInts,
    right: LongInts,
): ...


@cpp_kernel("inverse_sampling.h", "sample_cdf")
def _sample(
    ray: Int,
    key_starts: LongInts,
    key_counts: LongInts,
    n_keys: Int,
    keys: Floats,
    cdfs: Floats,
    bias: Floats,
    sample_starts: LongInts,
    sample_counts: LongInts,
    n_samples: Int,
    edge_starts: LongInts,
    edge_counts: LongInts,
    samples: Floats,
    edges: Floats,
): ...


def neighbouring_keys(
    queries: Tensor, query_ranges: Ranges, keys: Tensor, key_ranges: Ranges, from_zero: bool
) -> tuple[Tensor, Tensor]:
    """For each query its ray's keys next to it, with keys[left] <= query < keys[right].

    A query outside its ray's keys is clipped to their range: it gets the first two or the last two.

    Args:
        queries: (n,) float32.
        keys: (m,) float32, sorted on each ray.
        from_zero: number the keys of each ray from 0, not over all rays.

    Returns:
        left, right: (n,) int64.
    """
    left, right = torch.zeros(2, queries.shape[0], dtype=torch.int64, device=queries.device)
    inputs = [*query_ranges.arguments(queries.device), queries, *key_ranges.arguments(queries.device), keys, from_zero]
    launch(_search, (query_ranges.n_rays,), [*inputs, left, right], grain=_GRAIN)
    return left, right


def inverse_samples(
    edges: Tensor, cdfs: Tensor, edge_ranges: Ranges, sample_ranges: Ranges, new_ranges: Ranges, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Samples at equal steps of each ray's CDF, and the edges of intervals around them.

    Inner edges lie midway between samples, outer ones as far beyond the outermost samples, but within the ray's edges;
    a single sample's interval is all of the ray's.

    Args:
        edges, cdfs: (n,) float32, sorted on each ray; the CDF is linear between edges.
        sample_ranges: of the samples wanted.
        new_ranges: of their edges, one more than samples where there are samples.
        bias: (n_rays,) float32 in [0, 1], where in its step each ray's samples lie; None: in the middle.

    Returns:
        samples, new_edges: float32.
    """
    device, counts = edges.device, []
    for ranges in (sample_ranges, new_ranges):
        packed = ranges.packed
        counts.append(ranges.n_rays * ranges.n_each if packed is None else int(packed[1].sum()))
    samples, new_edges = (torch.empty(n, device=device) for n in counts)
    inputs = [*edge_ranges.arguments(device), edges, cdfs, edges.new_empty(0) if bias is None else bias]
    inputs += [*sample_ranges.arguments(device), *new_ranges.arguments(device)[:2]]
    launch(_sample, (sample_ranges.n_rays,), [*inputs, samples, new_edges], grain=_GRAIN)
    return samples, new_edges
