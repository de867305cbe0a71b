"""Multiresolution hash encoding (Müller et al. 2022, section 3), forward and backward to its tables.

A level of resolution R has R^3 cells over the box and features at its (R + 1)^3 vertices; a position gets the
trilinear mix of its cell's eight. A level whose vertices fit its table stores them in order, others hash them.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.launch import launch
from core.settings import Box

UNIT_CUBE: Box = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)


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


_LANES = 16
"""Samples that the CPU's vector units find the vertices of at once."""

_RUN = 256
"""Samples of one level that a thread of the CPU walks before it takes the next: their places stay in the cache."""

# Plain C++, for loops over lanes are what a compiler turns into vector instructions; on CUDA a thread has one lane.
# A position outside the box belongs to the cell at its edge. Bit 0 of a vertex' number steps in x, bit 1 in y, bit 2
# in z; the primes are the paper's for y and z, x's is 1 (equation 4).
_VERTICES = f"""
#ifdef __CUDA_ARCH__
    constexpr int LANES = 1;
#else
    constexpr int LANES = {_LANES};
#endif
    const int resolution = level[0], first_entry = level[1], hashed = level[3];
    const unsigned mask = level[2], side = resolution + 1;
    const float edge = resolution - 1;
    const float* xyz = reinterpret_cast<const float*>(positions.data);

    struct Lanes {{
        unsigned entry[8][LANES];
        float weight[8][LANES];
    }};

    auto vertices_of = [=](int i, int n, Lanes& lanes) {{
        float at[3][LANES];
        for (int j = 0; j < LANES; ++j)
            for (int axis = 0; axis < 3; ++axis)
                at[axis][j] = xyz[3 * (i + (j < n ? j : 0)) + axis];
        for (int j = 0; j < LANES; ++j) {{
            unsigned cell[3];
            float f[3];  // the place in the cell, 0 to 1 inside the box
            for (int axis = 0; axis < 3; ++axis) {{
                const float scaled = (at[axis][j] - low[axis]) * inverse_size[axis] * (float)resolution;
                float corner = floorf(scaled);
                corner = corner > 0.0f ? corner : 0.0f;  // what is no number too
                corner = corner > edge ? edge : corner;
                f[axis] = scaled - corner;
                cell[axis] = (unsigned)(int)corner;
            }}
            const float near_y = 1.0f - f[1], near_z = 1.0f - f[2];
            const float face[4] = {{near_y * near_z, f[1] * near_z, near_y * f[2], f[1] * f[2]}};
            for (int edge_x = 0; edge_x < 4; ++edge_x) {{
                lanes.weight[2 * edge_x][j] = (1.0f - f[0]) * face[edge_x];
                lanes.weight[2 * edge_x + 1][j] = f[0] * face[edge_x];
            }}
            if (hashed) {{
                const unsigned x0 = cell[0], x1 = x0 + 1u;
                const unsigned y0 = cell[1] * 2654435761u, y1 = y0 + 2654435761u;
                const unsigned z0 = cell[2] * 805459861u, z1 = z0 + 805459861u;
                lanes.entry[0][j] = first_entry + ((x0 ^ y0 ^ z0) & mask);
                lanes.entry[1][j] = first_entry + ((x1 ^ y0 ^ z0) & mask);
                lanes.entry[2][j] = first_entry + ((x0 ^ y1 ^ z0) & mask);
                lanes.entry[3][j] = first_entry + ((x1 ^ y1 ^ z0) & mask);
                lanes.entry[4][j] = first_entry + ((x0 ^ y0 ^ z1) & mask);
                lanes.entry[5][j] = first_entry + ((x1 ^ y0 ^ z1) & mask);
                lanes.entry[6][j] = first_entry + ((x0 ^ y1 ^ z1) & mask);
                lanes.entry[7][j] = first_entry + ((x1 ^ y1 ^ z1) & mask);
            }} else {{
                const unsigned below = first_entry + cell[0] + side * (cell[1] + side * cell[2]);
                const unsigned above = below + side * side;
                lanes.entry[0][j] = below;
                lanes.entry[1][j] = below + 1u;
                lanes.entry[2][j] = below + side;
                lanes.entry[3][j] = below + side + 1u;
                lanes.entry[4][j] = above;
                lanes.entry[5][j] = above + 1u;
                lanes.entry[6][j] = above + side;
                lanes.entry[7][j] = above + side + 1u;
            }}
        }}
    }};
"""

_GATHER = """
    const float* entries = table.data;
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Lanes lanes;
        vertices_of(i, n, lanes);
        for (int j = 0; j < n; ++j) {
            float sum[N_FEATURES] = {};
            for (int v = 0; v < 8; ++v)
                for (int c = 0; c < N_FEATURES; ++c)
                    sum[c] += lanes.weight[v][j] * entries[(size_t)lanes.entry[v][j] * N_FEATURES + c];
            for (int c = 0; c < N_FEATURES; ++c)
                features.data[((size_t)(i + j) * n_levels + k) * N_FEATURES + c] = sum[c];
        }
    }
"""

_SCATTER = """
#ifdef __CUDA_ARCH__
    auto add = [](float* to, float value) { atomicAdd(to, value); };
#else
    auto add = [](float* to, float value) { *to += value; };
#endif
    float* entries = table.data;
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Lanes lanes;
        vertices_of(i, n, lanes);
        for (int j = 0; j < n; ++j) {
            float grad[N_FEATURES];
            for (int c = 0; c < N_FEATURES; ++c)
                grad[c] = features.data[((size_t)(i + j) * n_levels + k) * N_FEATURES + c];
            for (int v = 0; v < 8; ++v)
                for (int c = 0; c < N_FEATURES; ++c)
                    add(entries + (size_t)lanes.entry[v][j] * N_FEATURES + c, lanes.weight[v][j] * grad[c]);
        }
    }
"""


def _make_kernel(name: str, body: str, n_features: int, split_axis: int) -> wp.Kernel:
    """A kernel over (levels, runs of samples) that hands each run of one level to a piece of C++."""

    @wp.func_native(_VERTICES + body.replace("N_FEATURES", str(n_features)))
    def walk(
        first: wp.int32,
        last: wp.int32,
        k: wp.int32,
        n_levels: wp.int32,
        level: wp.vec4i,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
        table: wp.array(dtype=wp.float32),
        features: wp.array(dtype=wp.float32),
    ): ...

    def kernel(
        offset: wp.int32,
        run: wp.int32,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
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
        walk(first, last, k, levels.shape[0], levels[k], positions, low, inverse_size, table, features)

    return wp.Kernel(kernel, key=f"{name}_{n_features}")


_GATHERS = {n: _make_kernel("hash_gather", _GATHER, n, 1) for n in (2, 4)}
_SCATTERS = {n: _make_kernel("hash_scatter", _SCATTER, n, 0) for n in (2, 4)}


def _walk(
    kernels: dict[int, wp.Kernel],
    split_axis: int,
    positions: Tensor,
    levels: Tensor,
    box: Box,
    table: Tensor,
    features: Tensor,
) -> None:
    """Launch one of the kernels over all levels and samples; on the CPU a thread walks runs, on CUDA single samples."""
    low, high = box[:3], box[3:]
    inverse_size = wp.vec3f(*(1.0 / (b - a) for a, b in zip(low, high, strict=True)))
    run = _RUN if positions.device.type == "cpu" else 1
    inputs = [run, positions, wp.vec3f(*low), inverse_size, levels, table.view(-1), features.view(-1)]
    launch(kernels[table.shape[1]], (levels.shape[0], -(-positions.shape[0] // run)), inputs, split_axis, grain=32)


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions: Tensor, table: Tensor, levels: Tensor, box: Box) -> Tensor:
        features = torch.empty(positions.shape[0], levels.shape[0] * table.shape[1], device=positions.device)
        _walk(_GATHERS, 1, positions, levels, box, table, features)
        ctx.save_for_backward(positions, levels)
        ctx.table_shape, ctx.box = table.shape, box
        return features

    @staticmethod
    def backward(ctx, feature_grads: Tensor):
        positions, levels = ctx.saved_tensors
        table_grads = torch.zeros(ctx.table_shape, device=positions.device)
        # Slices of levels: their parts of the table are disjoint, so no two threads add to one entry.
        _walk(_SCATTERS, 0, positions, levels, ctx.box, table_grads, feature_grads.contiguous())
        return None, table_grads, None, None


def hash_encode(positions: Tensor, table: Tensor, levels: Tensor, box: Box = UNIT_CUBE) -> Tensor:
    """Features of positions; differentiable in the table.

    Args:
        positions: (n, 3) float32; outside the box, the cell at its edge goes on linearly.
        table: (n_entries, n_features) float32, n_features 2 or 4.
        levels: `Levels.info`, (n_levels, 4) int32.
        box: what the grid covers, x0 y0 z0 x1 y1 z1.

    Returns:
        (n, n_levels * n_features) float32.
    """
    return _HashEncode.apply(positions.contiguous(), table, levels, box)
