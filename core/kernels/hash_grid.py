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


# The paper's primes for y and z; x's is 1.
_PRIME_Y = wp.constant(wp.uint32(2654435761))
_PRIME_Z = wp.constant(wp.uint32(805459861))


_vec8i = wp.types.vector(length=8, dtype=wp.int32)


@wp.func
def vertex_entries(x: wp.uint32, y: wp.uint32, z: wp.uint32, level: wp.vec4i) -> _vec8i:
    """Table entries of a cell's vertices; bit 0 of the place steps in x, bit 1 in y, bit 2 in z."""
    one = wp.uint32(1)
    first = level[1]
    if level[3] == 1:  # the paper's equation 4
        y0 = y * _PRIME_Y
        y1 = y0 + _PRIME_Y
        z0 = z * _PRIME_Z
        z1 = z0 + _PRIME_Z
        mask = wp.uint32(level[2])
        return _vec8i(
            first + wp.int32((x ^ y0 ^ z0) & mask),
            first + wp.int32(((x + one) ^ y0 ^ z0) & mask),
            first + wp.int32((x ^ y1 ^ z0) & mask),
            first + wp.int32(((x + one) ^ y1 ^ z0) & mask),
            first + wp.int32((x ^ y0 ^ z1) & mask),
            first + wp.int32(((x + one) ^ y0 ^ z1) & mask),
            first + wp.int32((x ^ y1 ^ z1) & mask),
            first + wp.int32(((x + one) ^ y1 ^ z1) & mask),
        )
    side = level[0] + 1
    corner = first + wp.int32(x) + side * (wp.int32(y) + side * wp.int32(z))
    above = corner + side * side
    return _vec8i(
        corner, corner + 1, corner + side, corner + side + 1, above, above + 1, above + side, above + side + 1
    )


@wp.func
def cell_of(position: wp.vec3f, resolution: wp.int32) -> wp.vec3f:
    """The cell's lowest vertex; positions outside the box belong to the cell at its edge."""
    last = wp.float32(resolution - 1)
    return wp.vec3f(
        wp.clamp(wp.floor(position[0]), 0.0, last),
        wp.clamp(wp.floor(position[1]), 0.0, last),
        wp.clamp(wp.floor(position[2]), 0.0, last),
    )


def _make_kernels(n_features: int) -> tuple[wp.Kernel, wp.Kernel]:
    vec = wp.types.vector(length=n_features, dtype=wp.float32)

    def encode(
        offset: wp.int32,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
        table: wp.array(dtype=vec),
        levels: wp.array(dtype=wp.vec4i),
        features: wp.array2d(dtype=vec),
    ):
        k, i = wp.tid()
        i += offset
        level = levels[k]
        scaled = wp.cw_mul(positions[i] - low, inverse_size) * wp.float32(level[0])
        cell = cell_of(scaled, level[0])
        f = scaled - cell
        e = vertex_entries(wp.uint32(cell[0]), wp.uint32(cell[1]), wp.uint32(cell[2]), level)
        v00 = table[e[0]] * (1.0 - f[0]) + table[e[1]] * f[0]
        v10 = table[e[2]] * (1.0 - f[0]) + table[e[3]] * f[0]
        v01 = table[e[4]] * (1.0 - f[0]) + table[e[5]] * f[0]
        v11 = table[e[6]] * (1.0 - f[0]) + table[e[7]] * f[0]
        v0 = v00 * (1.0 - f[1]) + v10 * f[1]
        v1 = v01 * (1.0 - f[1]) + v11 * f[1]
        features[i, k] = v0 * (1.0 - f[2]) + v1 * f[2]

    def scatter(
        offset: wp.int32,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
        levels: wp.array(dtype=wp.vec4i),
        feature_grads: wp.array2d(dtype=vec),
        table_grads: wp.array(dtype=vec),
    ):
        k, i = wp.tid()
        k += offset
        level = levels[k]
        scaled = wp.cw_mul(positions[i] - low, inverse_size) * wp.float32(level[0])
        cell = cell_of(scaled, level[0])
        f = scaled - cell
        e = vertex_entries(wp.uint32(cell[0]), wp.uint32(cell[1]), wp.uint32(cell[2]), level)
        g = feature_grads[i, k]
        g0 = g * (1.0 - f[2])
        g1 = g * f[2]
        g00 = g0 * (1.0 - f[1])
        g10 = g0 * f[1]
        g01 = g1 * (1.0 - f[1])
        g11 = g1 * f[1]
        wp.atomic_add(table_grads, e[0], g00 * (1.0 - f[0]))
        wp.atomic_add(table_grads, e[1], g00 * f[0])
        wp.atomic_add(table_grads, e[2], g10 * (1.0 - f[0]))
        wp.atomic_add(table_grads, e[3], g10 * f[0])
        wp.atomic_add(table_grads, e[4], g01 * (1.0 - f[0]))
        wp.atomic_add(table_grads, e[5], g01 * f[0])
        wp.atomic_add(table_grads, e[6], g11 * (1.0 - f[0]))
        wp.atomic_add(table_grads, e[7], g11 * f[0])

    return (
        wp.Kernel(encode, key=f"hash_encode_{n_features}"),
        wp.Kernel(scatter, key=f"hash_scatter_{n_features}"),
    )


_KERNELS = {2: _make_kernels(2), 4: _make_kernels(4)}


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions: Tensor, table: Tensor, levels: Tensor, box: Box) -> Tensor:
        n_levels, n_features = levels.shape[0], table.shape[1]
        features = torch.empty(positions.shape[0], n_levels, n_features, device=positions.device)
        encode, _ = _KERNELS[n_features]
        inputs = [positions, *_origin_and_scale(box), table, levels, features]
        launch(encode, (n_levels, positions.shape[0]), inputs, split_axis=1)
        ctx.save_for_backward(positions, levels)
        ctx.table_shape, ctx.box = table.shape, box
        return features.flatten(1)

    @staticmethod
    def backward(ctx, feature_grads: Tensor):
        positions, levels = ctx.saved_tensors
        n_levels, n_features = levels.shape[0], ctx.table_shape[1]
        grads = feature_grads.contiguous().view(-1, n_levels, n_features)
        table_grads = torch.zeros(ctx.table_shape, device=positions.device)
        _, scatter = _KERNELS[n_features]
        inputs = [positions, *_origin_and_scale(ctx.box), levels, grads, table_grads]
        # Slices of levels: their parts of the table are disjoint, so no two threads add to one entry.
        launch(scatter, (n_levels, positions.shape[0]), inputs)
        return None, table_grads, None, None


def _origin_and_scale(box: Box) -> tuple[wp.vec3f, wp.vec3f]:
    low, high = box[:3], box[3:]
    return wp.vec3f(*low), wp.vec3f(*(1.0 / (b - a) for a, b in zip(low, high, strict=True)))


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
