"""The code of `core.kernels.hash_grid`: C++ for a run of samples."""

from core.kernels.contraction import PLACES_CODE
from core.kernels.lanes import LANES_CODE

RUN = 256
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

# A pair of features is one word of a table in bfloat16, the even one in its low half.
WORDS_CODE = """
            const unsigned* entry = reinterpret_cast<const unsigned*>(vertices.entry);
            for (int pair = 0; pair < N_FEATURES / 2; ++pair) {
                Row even = zeros, odd = zeros;
                for (int v = 0; v < 8; ++v) {
                    alignas(64) unsigned low_half[LANES], high_half[LANES];
                    for (int j = 0; j < LANES; ++j) {
                        const unsigned word = table.data[(int)entry[v * LANES + j] * (N_FEATURES / 2) + pair];
                        low_half[j] = word << 16;
                        high_half[j] = word & 0xffff0000u;
                    }
                    even = multiply_add(vertices.weight[v], *reinterpret_cast<const Row*>(low_half), even);
                    odd = multiply_add(vertices.weight[v], *reinterpret_cast<const Row*>(high_half), odd);
                }
                KEEP
            }
"""
"""Mixes a row's features from a table in bfloat16, two at a time, and does something with them."""

_KEEP = """
                float* to = features.data + ((size_t)i * n_levels + k) * N_FEATURES + 2 * pair;
                for (int j = 0; j < n; ++j, to += n_levels * N_FEATURES) {
                    to[0] = lane(even, j);
                    to[1] = lane(odd, j);
                }
"""

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


def gather_code(n_features: int, in_words: bool) -> str:
    """What fills samples `first` to `last` of `features`: on CUDA of level `k`, on the CPU of all levels.

    Args:
        n_features: of a level.
        in_words: whether the table is rounded to bfloat16, two features a word.
    """
    on_cuda = on_cpu = WORDS_CODE.replace("KEEP", _KEEP) if in_words else _EACH.replace("DO", _GATHER)
    if n_features == 2 and not in_words:
        on_cpu = f"\n#ifdef __AVX512F__{_GATHER_PAIRS}#else{on_cpu}#endif\n"
    one_level = _WALK.replace("BEFORE", "").replace("DO", on_cuda)
    all_levels = _WALK_LEVELS.replace("RUN_LENGTH", str(RUN)).replace("DO", on_cpu)
    return _whole(f"\n#ifdef __CUDA_ARCH__{one_level}#else{all_levels}#endif\n", n_features)


def scatter_code(n_features: int) -> str:
    """What adds to `table` for the gradients `features` of level `k`."""
    each = _EACH.replace("DO", _SCATTER.replace("ADD_TOGETHER", _ADD_TOGETHER[n_features]))
    return _whole(_WALK.replace("BEFORE", _CLEAR).replace("DO", each), n_features)


def _whole(code: str, n_features: int) -> str:
    n_levels = "\n    const int n_levels = levels.shape[0];"
    return (ROWS_CODE + n_levels + code).replace("N_FEATURES", str(n_features))
