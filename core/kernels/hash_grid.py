"""Multiresolution hash encoding (Müller et al. 2022, section 3), forward and backward to its tables.

A level of resolution R has R^3 cells over the box and features at its (R + 1)^3 vertices; a position gets the
trilinear mix of its cell's eight. A level whose vertices fit its table stores them in order, others hash them.
"""

from enum import IntEnum
from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.contraction import UNIT_CUBE, Space
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Floats, Int, Ints, Mat33, Vec3, Vec3s, Vec4is


class VertexOrder(IntEnum):
    """How a level's vertices are ordered in its table; `cpp/hash_grid.h` numbers it the same."""

    BY_PLACE = 0
    """As they lie, x first: each has an entry of its own."""
    BY_HASH = 1
    """By the paper's hash (equation 4)."""
    BY_HASH_OF_ROW = 2
    """The hash of y and z says where a row of vertices along x begins: neighbours along x lie side by side, and a CPU
    loads both at once."""


class Levels(NamedTuple):
    """The shape of a hash grid.

    Attributes:
        info: (n_levels, 4) int32: resolution, first entry in the table, mask of the hash, `VertexOrder`.
        n_entries: entries of all levels together.
    """

    info: Tensor
    n_entries: int


def level_layout(
    n_levels: int, base_resolution: int, max_resolution: int, log2_hashmap_size: int, in_rows: bool = False
) -> Levels:
    """Resolutions in geometric progression (the paper's equations 2 and 3), tables one behind the other.

    Args:
        in_rows: whether levels with more vertices than entries are ordered BY_HASH_OF_ROW, with one more entry for each
            cell of a row, or BY_HASH.
    """
    growth = (max_resolution / base_resolution) ** (1.0 / max(1, n_levels - 1))
    hashed = VertexOrder.BY_HASH_OF_ROW if in_rows else VertexOrder.BY_HASH
    rows, first = [], 0
    for level in range(n_levels):
        resolution = int(base_resolution * growth**level + 1e-6)
        n_vertices, n_hashed = (resolution + 1) ** 3, 1 << log2_hashmap_size
        order = VertexOrder.BY_PLACE if n_vertices <= n_hashed else hashed
        size = n_vertices if order is VertexOrder.BY_PLACE else n_hashed
        rows.append((resolution, first, size - 1, int(order)))
        first += size + (resolution if order is VertexOrder.BY_HASH_OF_ROW else 0)
    return Levels(torch.tensor(rows, dtype=torch.int32), first)


RUN = 256
"""Samples that a thread of the CPU looks up in one level before the next; their positions stay in the cache."""


def _make_kernel(name: str, call: str, split_axis: int) -> wp.Kernel:
    """A kernel over (levels, runs of samples). Its table is an array of 32-bit words: floats, or pairs of bfloat16."""

    # in one shared module, unused kernels would be compiled too
    @cpp_kernel(
        "hash_grid.h", call, run_over="positions", split_axis=split_axis, name=name, module=f"{__name__}.{name}"
    )
    def kernel(
        first: Int,
        last: Int,
        k: Int,
        positions: Vec3s,
        low: Vec3,
        inverse_size: Vec3,
        contraction: Int,
        axes: Mat33,
        levels: Vec4is,
        table: Ints,
        features: Floats,
    ): ...

    return kernel


_GATHERS = {n: _make_kernel(f"hash_gather_{n}", f"hash_gather<{RUN}, {n}, float>", 1) for n in (2, 4)}
_WORD_GATHERS = {n: _make_kernel(f"hash_gather_words_{n}", f"hash_gather<{RUN}, {n}, int>", 1) for n in (2, 4)}
_SCATTERS = {n: _make_kernel(f"hash_scatter_{n}", f"hash_scatter<{n}>", 0) for n in (2, 4)}


def _gather(positions: Tensor, levels: Tensor, space: Space, table: Tensor, features: Tensor) -> None:
    """Fill features (n, n_levels * n_features); a thread of the CPU takes runs of samples through all levels, a
    thread on CUDA a single sample through a single level."""
    dim = 1 if positions.device.type == "cpu" else levels.shape[0], positions.shape[0]
    in_words = table.dtype == torch.int32
    kernel = _WORD_GATHERS[2 * table.shape[1]] if in_words else _GATHERS[table.shape[1]]
    launch_runs(kernel, dim, RUN, _arguments(positions, levels, space, table, features), 1, grain=4)


def _scatter(positions: Tensor, levels: Tensor, space: Space, table_grads: Tensor, feature_grads: Tensor) -> None:
    """Add to the table's gradients (n_entries, n_features); on the CPU the kernel clears them first."""
    dim = levels.shape[0], positions.shape[0]
    inputs = _arguments(positions, levels, space, table_grads, feature_grads)
    # the finer a level, the fewer of its entries are in the cache
    launch_runs(_SCATTERS[table_grads.shape[1]], dim, RUN, inputs, 0, grain=32, slices_a_thread=dim[0])


def _arguments(positions: Tensor, levels: Tensor, space: Space, table: Tensor, features: Tensor) -> list:
    return [positions, *space.arguments(), levels, table.detach().view(torch.int32).view(-1), features.view(-1)]


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions: Tensor, table: Tensor, levels: Tensor, space: Space, rounded: Tensor | None) -> Tensor:
        features = torch.empty(positions.shape[0], levels.shape[0] * table.shape[1], device=positions.device)
        _gather(positions, levels, space, table if rounded is None else rounded, features)
        ctx.save_for_backward(positions, levels)
        ctx.table_shape, ctx.space = table.shape, space
        return features

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (feature_grads,) = grad_outputs
        positions, levels = ctx.saved_tensors
        # the CPU's kernel clears the table, but it isn't run without samples
        is_cleared = positions.device.type == "cpu" and positions.shape[0] > 0
        table_grads = (torch.empty if is_cleared else torch.zeros)(ctx.table_shape, device=positions.device)
        # Slices of levels: their parts of the table are disjoint, so no two threads add to one entry.
        _scatter(positions, levels, ctx.space, table_grads, feature_grads.contiguous())
        return None, table_grads, None, None, None


@replaceable("hash_encode")
def hash_encode(
    positions: Tensor, table: Tensor, levels: Tensor, space: Space = UNIT_CUBE, rounded: Tensor | None = None
) -> Tensor:
    """Features of positions; differentiable in the table.

    Args:
        positions: (n, 3) float32; outside of `space` they are extrapolated linearly from the nearest cell.
        table: (n_entries, n_features) float32, n_features 2 or 4; no more entries than the levels have.
        levels: `Levels.info`, (n_levels, 4) int32.
        space: what the grid covers.
        rounded: the table as `core.kernels.encoded_network.packed_table` makes it: it is read instead of the
            table, in half the memory, and the table gets the gradient (as in instant-ngp, which trains in half
            precision).

    Returns:
        (n, n_levels * n_features) float32.
    """
    return _HashEncode.apply(positions.contiguous(), table, levels, space, rounded)
