"""Multiresolution hash encoding (Müller et al. 2022, section 3), forward and backward to its tables.

A level of resolution R has R^3 cells over the box and features at its (R + 1)^3 vertices; a position gets the
trilinear mix of its cell's eight. A level whose vertices fit its table stores them in order, others hash them.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.lanes import LANES_CODE
from core.kernels.launch import launch
from core.kernels.space import PLACES_CODE, UNIT_CUBE, Space


class Levels(NamedTuple):
    """The shape of a hash grid.

    Attributes:
        info: (n_levels, 4) int32: resolution, first entry in the table, mask of the hash (size - 1), 1 if hashed.
        n_entries: entries of all levels together.
    """

    info: Tensor
    n_entries: int


def level_layout(n_levels: int, base_resolution: int, max_resolution: int, log2_hashmap_size: int) -> Levels:
    """Resolutions in geometric progression (the paper's equations 2 and 3), tables one behind the other."""
    growth = (max_resolution / base_resolution) ** (1.0 / max(1, n_levels - 1))
    rows, first = [], 0
    for level in range(n_levels):
        resolution = int(base_resolution * growth**level + 1e-6)
        n_vertices = (resolution + 1) ** 3
        hashed = n_vertices > 1 << log2_hashmap_size
        size = 1 << log2_hashmap_size if hashed else n_vertices
        rows.append((resolution, first, size - 1, int(hashed)))
        first += size
    return Levels(torch.tensor(rows, dtype=torch.int32), first)


_RUN = 256
"""Samples of one level that a thread of the CPU walks before it takes the next: their places stay in the cache."""

# A position outside the box belongs to the cell at its edge. Bit 0 of a vertex' number steps in x, bit 1 in y, bit 2 in
# z; the primes are the paper's for y and z, x's is 1 (equation 4).
_VERTICES_CODE = """
    struct Vertices {
        Entries entry[8];
        Row weight[8];
    };
    auto vertices_of = [=](const wp::vec_t<4, int>& level, const Row* at, Vertices& vertices) WIDE {
        const int resolution = level[0], hashed = level[3];
        const unsigned first_entry = level[1], mask = level[2], side = resolution + 1;
        const Row edge = zeros + (float)(resolution - 1);
        Entries cell[3];
        Row f[3];  // the place in the cell, 0 to 1 inside the box
        for (int axis = 0; axis < 3; ++axis) {
            const Row scaled = at[axis] * (float)resolution;
            Row corner = floor_of(scaled);
            corner = corner > zeros ? corner : zeros;  // what is no number too
            corner = corner > edge ? edge : corner;
            f[axis] = scaled - corner;
            cell[axis] = whole(corner);
        }
        const Row near_x = 1.0f - f[0], near_y = 1.0f - f[1], near_z = 1.0f - f[2];
        const Row face[4] = {near_y * near_z, f[1] * near_z, near_y * f[2], f[1] * f[2]};
        for (int e = 0; e < 4; ++e) {
            vertices.weight[2 * e] = near_x * face[e];
            vertices.weight[2 * e + 1] = f[0] * face[e];
        }
        if (hashed) {
            const Entries x[2] = {cell[0], cell[0] + 1u};
            const Entries y0 = cell[1] * 2654435761u, z0 = cell[2] * 805459861u;
            const Entries y[2] = {y0, y0 + 2654435761u}, z[2] = {z0, z0 + 805459861u};
            for (int v = 0; v < 8; ++v)
                vertices.entry[v] = ((x[v & 1] ^ y[v >> 1 & 1] ^ z[v >> 2]) & mask) + first_entry;
        } else {
            const Entries corner = cell[0] + (cell[1] + cell[2] * side) * side + first_entry;
            for (int v = 0; v < 8; ++v)
                vertices.entry[v] = corner + ((v & 1) + (v >> 1 & 1) * side + (v >> 2) * side * side);
        }
    };
"""

ROWS_CODE = LANES_CODE + PLACES_CODE + _VERTICES_CODE
"""Finds the vertices around positions; for what the code around it has, see `PLACES_CODE`."""

# Of one level.
_WALK = """
    const wp::vec_t<4, int> level = levels.data[k];
    BEFORE
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Row at[3];
        Vertices vertices;
        places_of(i, n, at);
        vertices_of(level, at, vertices);
        DO
    }
"""

# Of all levels: a thread of the CPU finds a run's places once.
_WALK_LEVELS = """
    constexpr int N_ROWS = RUN_LENGTH / LANES;
    Row places[N_ROWS][3];
    for (int i = first, row = 0; i < last; i += LANES, ++row)
        places_of(i, last - i, places[row]);
    for (int k = 0; k < n_levels; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            const int n = last - i < LANES ? last - i : LANES;
            Vertices vertices;
            vertices_of(levels.data[k], places[row], vertices);
            DO
        }
"""

_EACH = """
        const unsigned* entry = reinterpret_cast<const unsigned*>(vertices.entry);
        const float* weight = reinterpret_cast<const float*>(vertices.weight);
        for (int j = 0; j < n; ++j) {
            float* feature = features.data + ((size_t)(i + j) * n_levels + k) * N_FEATURES;
            DO
        }
"""

_GATHER = """
            struct alignas(4 * N_FEATURES) Entry { float at[N_FEATURES]; };
            float sum[N_FEATURES] = {};
            for (int v = 0; v < 8; ++v) {
                const Entry& from = reinterpret_cast<const Entry*>(table.data)[entry[v * LANES + j]];
                for (int c = 0; c < N_FEATURES; ++c)
                    sum[c] += weight[v * LANES + j] * from.at[c];
            }
            for (int c = 0; c < N_FEATURES; ++c)
                feature[c] = sum[c];
"""

# Entries of two features are numbers of eight bytes, of which AVX-512 gathers eight at once: both halves of a row lie
# in the lanes as the features are to lie in memory.
_GATHER_PAIRS = """
        typedef long long Pairs __attribute__((vector_size(64)));
        typedef int HalfRow __attribute__((vector_size(32)));
        Row sums[2] = {};
        for (int v = 0; v < 8; ++v) {
            const HalfRow* entries = reinterpret_cast<const HalfRow*>(&vertices.entry[v]);
            const Row weight = vertices.weight[v];
            const Row weights[2] = {
                __builtin_shufflevector(weight, weight, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
                __builtin_shufflevector(weight, weight, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15)};
            for (int half = 0; half < 2; ++half) {
                const Pairs found = __builtin_ia32_gathersiv8di(Pairs{}, table.data, entries[half], 255, 8);
                sums[half] = multiply_add(weights[half], (Row)found, sums[half]);
            }
        }
        const double* pairs = reinterpret_cast<const double*>(sums);
        for (int j = 0; j < n; ++j)
            reinterpret_cast<double*>(features.data)[(size_t)(i + j) * n_levels + k] = pairs[j];
"""

# A thread of the CPU takes a level's runs in their order: it clears the level right before it fills it, in its cache.
_CLEAR = """
#ifndef __CUDA_ARCH__
    if (first == 0) {
        float* part = table.data + (size_t)level[1] * N_FEATURES;
        for (int i = 0; i < (level[2] + 1) * N_FEATURES; ++i)
            part[i] = 0.0f;
    }
#endif
"""

# From Hopper on, all features of an entry are added in one go.
_SCATTER = """
            for (int v = 0; v < 8; ++v) {
                float* to = table.data + (size_t)entry[v * LANES + j] * N_FEATURES;
                float part[N_FEATURES];
                for (int c = 0; c < N_FEATURES; ++c)
                    part[c] = weight[v * LANES + j] * feature[c];
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
                ADD_TOGETHER
#else
                for (int c = 0; c < N_FEATURES; ++c)
#ifdef __CUDA_ARCH__
                    atomicAdd(to + c, part[c]);
#else
                    to[c] += part[c];
#endif
#endif
            }
"""

_ADD_TOGETHER = {
    2: """asm volatile("red.global.add.v2.f32 [%0], {%1, %2};" :: "l"(to), "f"(part[0]), "f"(part[1]) : "memory");""",
    4: """asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};"
                             :: "l"(to), "f"(part[0]), "f"(part[1]), "f"(part[2]), "f"(part[3]) : "memory");""",
}


def _gather_code(n_features: int) -> str:
    one_level = _WALK.replace("BEFORE", "").replace("DO", _EACH.replace("DO", _GATHER))
    each = _EACH.replace("DO", _GATHER)
    if n_features == 2:
        each = f"\n#ifdef __AVX512F__{_GATHER_PAIRS}#else{each}#endif\n"
    all_levels = _WALK_LEVELS.replace("RUN_LENGTH", str(_RUN)).replace("DO", each)
    return f"\n#ifdef __CUDA_ARCH__{one_level}#else{all_levels}#endif\n"


def _scatter_code(n_features: int) -> str:
    each = _EACH.replace("DO", _SCATTER.replace("ADD_TOGETHER", _ADD_TOGETHER[n_features]))
    return _WALK.replace("BEFORE", _CLEAR).replace("DO", each)


def _make_kernel(name: str, code: str, n_features: int, split_axis: int) -> wp.Kernel:
    """A kernel over (levels, runs of samples) that hands each run to C++."""

    levels_code = "\n    const int n_levels = levels.shape[0];"

    @wp.func_native((ROWS_CODE + levels_code + code).replace("N_FEATURES", str(n_features)))
    def walk(
        first: wp.int32,
        last: wp.int32,
        k: wp.int32,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
        contraction: wp.int32,
        axes: wp.mat33f,
        levels: wp.array(dtype=wp.vec4i),
        table: wp.array(dtype=wp.float32),
        features: wp.array(dtype=wp.float32),
    ): ...

    def kernel(
        offset: wp.int32,
        run: wp.int32,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
        contraction: wp.int32,
        axes: wp.mat33f,
        levels: wp.array(dtype=wp.vec4i),
        table: wp.array(dtype=wp.float32),
        features: wp.array(dtype=wp.float32),
    ):
        k, i = wp.tid()
        if wp.static(split_axis == 0):
            k += offset
        else:
            i += offset
        first = i * run
        last = wp.min(first + run, positions.shape[0])
        walk(first, last, k, positions, low, inverse_size, contraction, axes, levels, table, features)

    return wp.Kernel(kernel, key=f"{name}_{n_features}")


_GATHERS = {n: _make_kernel("hash_gather", _gather_code(n), n, 1) for n in (2, 4)}
_SCATTERS = {n: _make_kernel("hash_scatter", _scatter_code(n), n, 0) for n in (2, 4)}


def _gather(positions: Tensor, levels: Tensor, space: Space, table: Tensor, features: Tensor) -> None:
    """Fill features (n, n_levels * n_features); on the CPU a thread takes runs through all levels, on CUDA single
    samples through single ones."""
    n, on_cpu = positions.shape[0], positions.device.type == "cpu"
    run = _RUN if on_cpu else 1
    dim = 1 if on_cpu else levels.shape[0], -(-n // run)
    launch(_GATHERS[table.shape[1]], dim, _arguments(run, positions, levels, space, table, features), 1, grain=4)


def _scatter(positions: Tensor, levels: Tensor, space: Space, table_grads: Tensor, feature_grads: Tensor) -> None:
    """Add to the table's gradients (n_entries, n_features), which on the CPU are cleared first."""
    run = _RUN if positions.device.type == "cpu" else 1
    dim = levels.shape[0], -(-positions.shape[0] // run)
    inputs = _arguments(run, positions, levels, space, table_grads, feature_grads)
    # the finer a level, the fewer of its entries are in the cache
    launch(_SCATTERS[table_grads.shape[1]], dim, inputs, 0, grain=32, slices_a_thread=dim[0])


def _arguments(
    run: int, positions: Tensor, levels: Tensor, space: Space, table: Tensor, features: Tensor
) -> list[int | Tensor]:
    return [run, positions, *space.arguments(), levels, table.view(-1), features.view(-1)]


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions: Tensor, table: Tensor, levels: Tensor, space: Space) -> Tensor:
        features = torch.empty(positions.shape[0], levels.shape[0] * table.shape[1], device=positions.device)
        _gather(positions, levels, space, table, features)
        ctx.save_for_backward(positions, levels)
        ctx.table_shape, ctx.space = table.shape, space
        return features

    @staticmethod
    def backward(ctx, feature_grads: Tensor):
        positions, levels = ctx.saved_tensors
        # the CPU's kernel clears what it adds to, unless there is nothing to add
        is_cleared = positions.device.type == "cpu" and positions.shape[0] > 0
        table_grads = (torch.empty if is_cleared else torch.zeros)(ctx.table_shape, device=positions.device)
        # Slices of levels: their parts of the table are disjoint, so no two threads add to one entry.
        _scatter(positions, levels, ctx.space, table_grads, feature_grads.contiguous())
        return None, table_grads, None, None


def hash_encode(positions: Tensor, table: Tensor, levels: Tensor, space: Space = UNIT_CUBE) -> Tensor:
    """Features of positions; differentiable in the table.

    Args:
        positions: (n, 3) float32; outside what is covered, the cell at its edge goes on linearly.
        table: (n_entries, n_features) float32, n_features 2 or 4; no more entries than the levels have.
        levels: `Levels.info`, (n_levels, 4) int32.
        space: what the grid covers.

    Returns:
        (n, n_levels * n_features) float32.
    """
    return _HashEncode.apply(positions.contiguous(), table, levels, space)
