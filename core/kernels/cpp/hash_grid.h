// Multiresolution hash grids (Müller et al. 2022, section 3): features of positions, and gradients of the tables.
#pragma once

#include "contraction.h"
#include "device.h"

namespace firstlight {

// Resolution, first entry in the table, mask of the hash, order of the entries; see `core.kernels.hash_grid.Levels`.
typedef wp::vec_t<4, int> Level;

// How a level's vertices are ordered; `core.kernels.hash_grid.VertexOrder`.
enum VertexOrder { BY_PLACE, BY_HASH, BY_HASH_OF_ROW };

// The entries of a level.
KERNEL_FN int n_entries_of(const Level& level) { return level[2] + 1 + (level[3] == BY_HASH_OF_ROW ? level[0] : 0); }

// The eight vertices of the cells around positions: their entries in the table, and their trilinear weights, which are
// products of a weight along x and one in the plane of y and z. Bit 0 of a vertex' number is its step in x, bit 1 in y,
// bit 2 in z.
struct Vertices {
    UintRow entry[8];
    Row along_x[2], face[4];
    bool in_pairs;  // whether the entries of vertices 2 k and 2 k + 1 are adjacent

    WIDE_FN Row weight(int v) const { return along_x[v & 1] * face[v >> 1]; }
};

// Positions outside the box belong to the nearest cell inside. The hash is the paper's (equation 4), whose factor for x
// is 1; that of a row is the same without x, by which the row is shifted.
WIDE_FN void vertices_of(const Level& level, const Row* at, Vertices& vertices) {
    const Row zeros = {};
    const int resolution = level[0], order = level[3];
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
    const Row near_y = 1.0f - f[1], near_z = 1.0f - f[2];
    vertices.along_x[0] = 1.0f - f[0];
    vertices.along_x[1] = f[0];
    vertices.face[0] = near_y * near_z;
    vertices.face[1] = f[1] * near_z;
    vertices.face[2] = near_y * f[2];
    vertices.face[3] = f[1] * f[2];
    vertices.in_pairs = order != BY_HASH;
    if (order == BY_HASH) {
        const UintRow x[2] = {cell[0], cell[0] + 1u};
        const UintRow y0 = cell[1] * 2654435761u, z0 = cell[2] * 805459861u;
        const UintRow y[2] = {y0, y0 + 2654435761u}, z[2] = {z0, z0 + 805459861u};
        for (int v = 0; v < 8; ++v) vertices.entry[v] = ((x[v & 1] ^ y[v >> 1 & 1] ^ z[v >> 2]) & mask) + first_entry;
    } else if (order == BY_HASH_OF_ROW) {
        const UintRow y = cell[1] * 2654435761u, z = cell[2] * 805459861u, first = cell[0] + first_entry;
        for (int e = 0; e < 4; ++e) {
            const UintRow row = (y + (e & 1) * 2654435761u) ^ (z + (e >> 1) * 805459861u);
            vertices.entry[2 * e] = (row & mask) + first;
            vertices.entry[2 * e + 1] = vertices.entry[2 * e] + 1u;
        }
    } else {
        const UintRow corner = cell[0] + (cell[1] + cell[2] * side) * side + first_entry;
        for (int v = 0; v < 8; ++v)
            vertices.entry[v] = corner + ((v & 1) + (v >> 1 & 1) * side + (v >> 2) * side * side);
    }
}

#ifdef FIRSTLIGHT_ONE_LANE

template <int N_FEATURES>
struct alignas(4 * N_FEATURES) TableEntry {
    float at[N_FEATURES];
};

// A vertex' features in a table in float32; or in bfloat16, with the even feature in a word's low half.
template <int N_FEATURES>
KERNEL_FN TableEntry<N_FEATURES> entry_at(const float* table, unsigned entry) {
    return reinterpret_cast<const TableEntry<N_FEATURES>*>(table)[entry];
}
template <int N_FEATURES>
KERNEL_FN TableEntry<N_FEATURES> entry_at(const int* table, unsigned entry) {
    TableEntry<N_FEATURES> found;
#pragma unroll
    for (int pair = 0; pair < N_FEATURES / 2; ++pair) {
        const unsigned word = table[(size_t)entry * (N_FEATURES / 2) + pair];
        found.at[2 * pair] = float_of(word << 16);
        found.at[2 * pair + 1] = float_of(word & 0xffff0000u);
    }
    return found;
}

// Interpolates the features of a sample.
template <int N_FEATURES, class Number>
KERNEL_FN void mix_one(const Number* table, const Vertices& vertices, float* features) {
    float sums[N_FEATURES] = {};
#pragma unroll
    for (int v = 0; v < 8; ++v) {
        const TableEntry<N_FEATURES> found = entry_at<N_FEATURES>(table, vertices.entry[v]);
#pragma unroll
        for (int c = 0; c < N_FEATURES; ++c) sums[c] += vertices.weight(v) * found.at[c];
    }
#pragma unroll
    for (int c = 0; c < N_FEATURES; ++c) features[c] = sums[c];
}

#else

// Four numbers, by which one sample is interpolated: two vertices' pairs of features, or one vertex' four.
typedef float Four __attribute__((vector_size(16)));
typedef float Two __attribute__((vector_size(8), aligned(4)));

// How many numbers of a table are two features.
constexpr int numbers_of_two(const int*) { return 1; }
constexpr int numbers_of_two(const float*) { return 2; }

// The two features at each of two places in a table in float32; or in bfloat16, with the first of a word in its low
// half.
KERNEL_FN Four four_at(const int* first, const int* second) {
    typedef unsigned Words __attribute__((vector_size(16)));
    typedef int Pair __attribute__((vector_size(8)));
    typedef unsigned short Halves __attribute__((vector_size(8)));
    return (Four)(__builtin_convertvector((Halves)Pair{*first, *second}, Words) << 16);
}
KERNEL_FN Four four_at(const float* first, const float* second) {
    return __builtin_shufflevector(*(const Two*)first, *(const Two*)second, 0, 1, 2, 3);
}

// Interpolates the features of sample `j` of a row.
template <int N_FEATURES, bool IN_PAIRS, class Number>
WIDE_FN void mix_one(const Number* table, const Vertices& vertices, int j, float* features) {
    static_assert(N_FEATURES == 2 || N_FEATURES == 4, "a vector holds four numbers");
    constexpr int HALF = numbers_of_two((const Number*)nullptr), LENGTH = HALF * N_FEATURES / 2;
    const float near = lane(vertices.along_x[0], j), far = lane(vertices.along_x[1], j);
    Four sums[2] = {};
    for (int e = 0; e < 4; ++e) {
        const Number* first = table + (size_t)lane(vertices.entry[2 * e], j) * LENGTH;
        const Number* second = IN_PAIRS ? first + LENGTH : table + (size_t)lane(vertices.entry[2 * e + 1], j) * LENGTH;
        const Four face = lane(vertices.face[e], j) - Four{};
        if constexpr (N_FEATURES == 2)
            sums[0] = __builtin_elementwise_fma(face, four_at(first, second), sums[0]);
        else {
            sums[0] = __builtin_elementwise_fma(face, four_at(first, first + HALF), sums[0]);
            sums[1] = __builtin_elementwise_fma(face, four_at(second, second + HALF), sums[1]);
        }
    }
    if constexpr (N_FEATURES == 2) {
        const Four mixed = sums[0] * Four{near, near, far, far};
        features[0] = mixed[0] + mixed[2];
        features[1] = mixed[1] + mixed[3];
    } else {
        const Four mixed = near * sums[0] + far * sums[1];
        for (int c = 0; c < 4; ++c) features[c] = mixed[c];
    }
}

// The words of sixteen or eight pairs of entries that begin at `entries`: those of the first of each pair, and of the
// second. Pairs are loaded as one, and in an order in which registers of 32 bytes needn't exchange their halves.
WIDE_FN void load_pairs(const int* table, const UintRow& entries, UintRow& first, UintRow& second) {
    typedef unsigned long long Pair __attribute__((aligned(4)));
    typedef unsigned long long Pairs __attribute__((vector_size(32)));
    typedef unsigned Words __attribute__((vector_size(32)));
    Words* to[2] = {reinterpret_cast<Words*>(&first), reinterpret_cast<Words*>(&second)};
    const auto pair = [&](int j) { return *reinterpret_cast<const Pair*>(table + lane(entries, j)); };
    for (int j = 0; j < LANES; j += 8) {
        const Words low = (Words)Pairs{pair(j), pair(j + 1), pair(j + 4), pair(j + 5)};
        const Words high = (Words)Pairs{pair(j + 2), pair(j + 3), pair(j + 6), pair(j + 7)};
        to[0][j / 8] = __builtin_shufflevector(low, high, 0, 2, 8, 10, 4, 6, 12, 14);
        to[1][j / 8] = __builtin_shufflevector(low, high, 1, 3, 9, 11, 5, 7, 13, 15);
    }
}

// Adds a row of words, each of two features in bfloat16, with weights.
WIDE_FN void add_words(const Row weight, const UintRow words, Row& even, Row& odd) {
    even = multiply_add(weight, (Row)(words << 16), even);
    odd = multiply_add(weight, (Row)(words & 0xffff0000u), odd);
}

// Interpolates a row of samples from a table in bfloat16: their feature `c` goes to `rows[c * stride]`. The samples'
// words are loaded one by one into registers: written one by one to memory, they could not be read as a row at once.
template <int N_FEATURES>
WIDE_FN void mix_row(const int* table, const Vertices& vertices, Row* rows, int stride) {
    if (N_FEATURES == 2 && vertices.in_pairs) {
        Row near[2] = {}, far[2] = {};
        for (int e = 0; e < 4; ++e) {
            UintRow first, second;
            load_pairs(table, vertices.entry[2 * e], first, second);
            add_words(vertices.face[e], first, near[0], near[1]);
            add_words(vertices.face[e], second, far[0], far[1]);
        }
        for (int c = 0; c < 2; ++c) rows[c * stride] = vertices.along_x[0] * near[c] + vertices.along_x[1] * far[c];
        return;
    }
    for (int pair = 0; pair < N_FEATURES / 2; ++pair) {
        Row even = {}, odd = {};
        for (int v = 0; v < 8; ++v) {
            UintRow words;
            for (int j = 0; j < LANES; ++j)
                reinterpret_cast<unsigned*>(&words)[j] =
                    table[(size_t)lane(vertices.entry[v], j) * (N_FEATURES / 2) + pair];
            add_words(vertices.weight(v), words, even, odd);
        }
        rows[2 * pair * stride] = even;
        rows[(2 * pair + 1) * stride] = odd;
    }
}

#endif

#ifdef FIRSTLIGHT_ONE_LANE

// Adds an entry's gradients to a table's. From Hopper on, one instruction adds all features.
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

// Adds the gradients of a sample's features to those of its vertices' entries.
template <int N_FEATURES>
KERNEL_FN void add_one(float* table, const Vertices& vertices, const float* feature_grads) {
    for (int v = 0; v < 8; ++v) {
        float part[N_FEATURES];
        for (int c = 0; c < N_FEATURES; ++c) part[c] = vertices.weight(v) * feature_grads[c];
        add_to_entry<N_FEATURES>(table + (size_t)vertices.entry[v] * N_FEATURES, part);
    }
}

#else

// Adds the gradients of the features of sample `j` of a row to those of its vertices' entries. No two threads add to
// the same level.
template <int N_FEATURES, bool IN_PAIRS>
WIDE_FN void add_one(float* table, const Vertices& vertices, int j, const float* feature_grads) {
    const float near = lane(vertices.along_x[0], j), far = lane(vertices.along_x[1], j);
    Four given, at_near, at_far;
    if constexpr (N_FEATURES == 2) {
        const Two pair = *(const Two*)feature_grads;
        given = __builtin_shufflevector(pair, pair, 0, 1, 0, 1) * Four{near, near, far, far};
    } else {
        const Four all = {feature_grads[0], feature_grads[1], feature_grads[2], feature_grads[3]};
        at_near = near * all;
        at_far = far * all;
    }
    for (int e = 0; e < 4; ++e) {
        float* first = table + (size_t)lane(vertices.entry[2 * e], j) * N_FEATURES;
        float* second = table + (size_t)lane(vertices.entry[2 * e + 1], j) * N_FEATURES;
        const float face = lane(vertices.face[e], j);
        if constexpr (N_FEATURES == 2 && IN_PAIRS) {
            typedef float Anywhere __attribute__((vector_size(16), aligned(4)));
            *(Anywhere*)first += face * given;
        } else if constexpr (N_FEATURES == 2) {
            const Four part = face * given;
            *(Two*)first += __builtin_shufflevector(part, part, 0, 1);
            *(Two*)second += __builtin_shufflevector(part, part, 2, 3);
        } else
            for (int c = 0; c < 4; ++c) {
                first[c] += face * at_near[c];
                second[c] += face * at_far[c];
            }
    }
}

#endif

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
        mix_one<N_FEATURES>(words, vertices, features.data + i * stride + k * N_FEATURES);
    }
#else
    constexpr int N_ROWS = RUN / LANES;
    Row places[N_ROWS][3];
    for (int i = first, row = 0; i < last; i += LANES, ++row) places_of(space, xyz, i, last - i, places[row]);
    for (k = 0; k < n_levels; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            const int n = last - i < LANES ? last - i : LANES;
            vertices_of(levels.data[k], places[row], vertices);
            float* to = features.data + i * stride + k * N_FEATURES;
            if (vertices.in_pairs)
                for (int j = 0; j < n; ++j) mix_one<N_FEATURES, true>(words, vertices, j, to + j * stride);
            else
                for (int j = 0; j < n; ++j) mix_one<N_FEATURES, false>(words, vertices, j, to + j * stride);
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
        for (int i = 0; i < n_entries_of(level) * N_FEATURES; ++i) part[i] = 0.0f;
    }
#endif
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Row at[3];
        Vertices vertices;
        places_of(space, xyz, i, n, at);
        vertices_of(level, at, vertices);
        const size_t stride = (size_t)n_levels * N_FEATURES;
        const float* grads = feature_grads.data + i * stride + k * N_FEATURES;
#ifdef FIRSTLIGHT_ONE_LANE
        add_one<N_FEATURES>(table, vertices, grads);
#else
        if (vertices.in_pairs)
            for (int j = 0; j < n; ++j) add_one<N_FEATURES, true>(table, vertices, j, grads + j * stride);
        else
            for (int j = 0; j < n; ++j) add_one<N_FEATURES, false>(table, vertices, j, grads + j * stride);
#endif
    }
}

}  // namespace firstlight
