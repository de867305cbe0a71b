// Multiresolution hash grids (Müller et al. 2022, section 3): features of positions, and gradients of the tables.
#pragma once

#include "contraction.h"
#include "device.h"

namespace firstlight {

// Resolution, first entry in the table, mask of the hash, 1 if hashed; see `core.kernels.hash_grid.Levels`.
typedef wp::vec_t<4, int> Level;

// The eight vertices of the cells around positions: their entries in the table, and their trilinear weights. Bit 0 of a
// vertex' number is its step in x, bit 1 in y, bit 2 in z.
struct Vertices {
    UintRow entry[8];
    Row weight[8];
};

// Positions outside the box belong to the nearest cell inside. The hash is the paper's (equation 4), whose factor for x
// is 1.
WIDE_FN void vertices_of(const Level& level, const Row* at, Vertices& vertices) {
    const Row zeros = {};
    const int resolution = level[0], hashed = level[3];
    const unsigned first_entry = level[1], mask = level[2], side = resolution + 1;
    const Row edge = zeros + (float)(resolution - 1);
    UintRow cell[3];
    Row f[3];  // the position in the cell, 0 to 1 inside the box
    for (int axis = 0; axis < 3; ++axis) {
        const Row scaled = at[axis] * (float)resolution;
        Row corner = floor_of(scaled);
        corner = corner > zeros ? corner : zeros;  // NaN too
        corner = corner > edge ? edge : corner;
        f[axis] = scaled - corner;
        cell[axis] = (UintRow)to_int(corner);
    }
    const Row near_x = 1.0f - f[0], near_y = 1.0f - f[1], near_z = 1.0f - f[2];
    const Row face[4] = {near_y * near_z, f[1] * near_z, near_y * f[2], f[1] * f[2]};
    for (int e = 0; e < 4; ++e) {
        vertices.weight[2 * e] = near_x * face[e];
        vertices.weight[2 * e + 1] = f[0] * face[e];
    }
    if (hashed) {
        const UintRow x[2] = {cell[0], cell[0] + 1u};
        const UintRow y0 = cell[1] * 2654435761u, z0 = cell[2] * 805459861u;
        const UintRow y[2] = {y0, y0 + 2654435761u}, z[2] = {z0, z0 + 805459861u};
        for (int v = 0; v < 8; ++v) vertices.entry[v] = ((x[v & 1] ^ y[v >> 1 & 1] ^ z[v >> 2]) & mask) + first_entry;
    } else {
        const UintRow corner = cell[0] + (cell[1] + cell[2] * side) * side + first_entry;
        for (int v = 0; v < 8; ++v)
            vertices.entry[v] = corner + ((v & 1) + (v >> 1 & 1) * side + (v >> 2) * side * side);
    }
}

// Two adjacent features.
struct FeaturePair {
    Row even, odd;
};

// Interpolates a pair of features from a table in bfloat16. A pair is one word, with the even feature in its low half.
template <int N_FEATURES>
WIDE_FN FeaturePair mixed_pair(const int* table, const Vertices& vertices, int pair) {
    const unsigned* entry = reinterpret_cast<const unsigned*>(vertices.entry);
    Row even = {}, odd = {};
    for (int v = 0; v < 8; ++v) {
        alignas(Row) unsigned low_half[LANES], high_half[LANES];
        for (int j = 0; j < LANES; ++j) {
            const unsigned word = table[(int)entry[v * LANES + j] * (N_FEATURES / 2) + pair];
            low_half[j] = word << 16;
            high_half[j] = word & 0xffff0000u;
        }
        even = multiply_add(vertices.weight[v], *reinterpret_cast<const Row*>(low_half), even);
        odd = multiply_add(vertices.weight[v], *reinterpret_cast<const Row*>(high_half), odd);
    }
    return {even, odd};
}

// Interpolates n samples' features of one level, from a table in bfloat16; samples' features are `stride` floats apart.
template <int N_FEATURES>
WIDE_FN void mix(const int* table, const Vertices& vertices, int n, float* features, size_t stride) {
    for (int pair = 0; pair < N_FEATURES / 2; ++pair) {
        FeaturePair mixed = mixed_pair<N_FEATURES>(table, vertices, pair);
        float* to = features + 2 * pair;
        for (int j = 0; j < n; ++j, to += stride) {
            to[0] = lane(mixed.even, j);
            to[1] = lane(mixed.odd, j);
        }
    }
}

template <int N_FEATURES>
struct alignas(4 * N_FEATURES) TableEntry {
    float at[N_FEATURES];
};

#if defined(__AVX512F__) && !defined(FIRSTLIGHT_ONE_LANE)

// Entries of two features are words of eight bytes, of which AVX-512 gathers eight at once. Each half of a row is then
// laid out as the features are in memory.
WIDE_FN void mix_pairs(const float* table, const Vertices& vertices, int n, float* features, size_t stride) {
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
            const Pairs found = __builtin_ia32_gathersiv8di(Pairs{}, table, entries[half], 255, 8);
            sums[half] = multiply_add(weights[half], (Row)found, sums[half]);
        }
    }
    const double* pairs = reinterpret_cast<const double*>(sums);
    for (int j = 0; j < n; ++j) *reinterpret_cast<double*>(features + j * stride) = pairs[j];
}

#endif

// The same from a table in float32.
template <int N_FEATURES>
WIDE_FN void mix(const float* table, const Vertices& vertices, int n, float* features, size_t stride) {
#if defined(__AVX512F__) && !defined(FIRSTLIGHT_ONE_LANE)
    if constexpr (N_FEATURES == 2) return mix_pairs(table, vertices, n, features, stride);
#endif
    const unsigned* entry = reinterpret_cast<const unsigned*>(vertices.entry);
    const float* weight = reinterpret_cast<const float*>(vertices.weight);
    for (int j = 0; j < n; ++j) {
        float sum[N_FEATURES] = {};
        for (int v = 0; v < 8; ++v) {
            const auto& from = reinterpret_cast<const TableEntry<N_FEATURES>*>(table)[entry[v * LANES + j]];
            for (int c = 0; c < N_FEATURES; ++c) sum[c] += weight[v * LANES + j] * from.at[c];
        }
        for (int c = 0; c < N_FEATURES; ++c) features[j * stride + c] = sum[c];
    }
}

// Adds an entry's gradients to a table's. On the CPU no two threads add to the same level; from Hopper on, one
// instruction adds all features.
template <int N_FEATURES>
KERNEL_FN void add_to_entry(float* to, const float* part) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    if constexpr (N_FEATURES == 2)
        asm volatile("red.global.add.v2.f32 [%0], {%1, %2};" ::"l"(to), "f"(part[0]), "f"(part[1]) : "memory");
    else
        asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to), "f"(part[0]), "f"(part[1]),
                     "f"(part[2]), "f"(part[3])
                     : "memory");
#else
    for (int c = 0; c < N_FEATURES; ++c) add_atomically(to + c, part[c]);
#endif
}

// Kernel: the features of samples `first` to `last - 1`; on CUDA of level `k`, on the CPU of all levels. The table
// holds floats, or ints that are two features in bfloat16 each. A thread of the CPU takes at most RUN samples, and maps
// their positions into the unit cube once for all levels.
template <int RUN, int N_FEATURES, class Number>
WIDE_FN void hash_gather(
    int first, int last, int k, const wp::array_t<wp::vec3>& positions, const wp::vec3& low,
    const wp::vec3& inverse_size, int contraction, const wp::mat33& axes, const wp::array_t<Level>& levels,
    const wp::array_t<int>& table, const wp::array_t<float>& features) {
    const Space space{low, inverse_size, contraction, axes};
    const float* xyz = reinterpret_cast<const float*>(positions.data);
    const int n_levels = levels.shape[0];
    const size_t stride = (size_t)n_levels * N_FEATURES;
    const Number* words = reinterpret_cast<const Number*>(table.data);
    Vertices vertices;
#ifdef FIRSTLIGHT_ONE_LANE
    for (int i = first; i < last; ++i) {
        Row at[3];
        places_of(space, xyz, i, 1, at);
        vertices_of(levels.data[k], at, vertices);
        mix<N_FEATURES>(words, vertices, 1, features.data + i * stride + k * N_FEATURES, stride);
    }
#else
    constexpr int N_ROWS = RUN / LANES;
    Row places[N_ROWS][3];
    for (int i = first, row = 0; i < last; i += LANES, ++row) places_of(space, xyz, i, last - i, places[row]);
    for (k = 0; k < n_levels; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            const int n = last - i < LANES ? last - i : LANES;
            vertices_of(levels.data[k], places[row], vertices);
            mix<N_FEATURES>(words, vertices, n, features.data + i * stride + k * N_FEATURES, stride);
        }
#endif
}

// Kernel: adds the gradients of level `k`'s features of samples `first` to `last - 1` to the table's. A thread of the
// CPU takes a level's runs in order, and clears the level before the first one, so that it is still in the cache.
template <int N_FEATURES>
WIDE_FN void hash_scatter(
    int first, int last, int k, const wp::array_t<wp::vec3>& positions, const wp::vec3& low,
    const wp::vec3& inverse_size, int contraction, const wp::mat33& axes, const wp::array_t<Level>& levels,
    const wp::array_t<int>& table_grads, const wp::array_t<float>& feature_grads) {
    const Space space{low, inverse_size, contraction, axes};
    const float* xyz = reinterpret_cast<const float*>(positions.data);
    const int n_levels = levels.shape[0];
    const Level level = levels.data[k];
    float* table = reinterpret_cast<float*>(table_grads.data);
#ifndef FIRSTLIGHT_ONE_LANE
    if (first == 0) {
        float* part = table + (size_t)level[1] * N_FEATURES;
        for (int i = 0; i < (level[2] + 1) * N_FEATURES; ++i) part[i] = 0.0f;
    }
#endif
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Row at[3];
        Vertices vertices;
        places_of(space, xyz, i, n, at);
        vertices_of(level, at, vertices);
        const unsigned* entry = reinterpret_cast<const unsigned*>(vertices.entry);
        const float* weight = reinterpret_cast<const float*>(vertices.weight);
        for (int j = 0; j < n; ++j) {
            const float* feature = feature_grads.data + ((size_t)(i + j) * n_levels + k) * N_FEATURES;
            for (int v = 0; v < 8; ++v) {
                float part[N_FEATURES];
                for (int c = 0; c < N_FEATURES; ++c) part[c] = weight[v * LANES + j] * feature[c];
                add_to_entry<N_FEATURES>(table + (size_t)entry[v * LANES + j] * N_FEATURES, part);
            }
        }
    }
}

}  // namespace firstlight
