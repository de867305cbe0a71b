"""The code of `core.kernels.encoded_network`: C++ for a run of samples, written out for each network.

On the CPU sixteen samples lie in the lanes of a `Row`, which is one channel of theirs. Matrix tiles take them as they
lie: rows of two channels, rounded and joined to words, are rows of a product's second factor, weights are the first,
and what comes out is rows of channels again.
"""

import math

from core.kernels.hash_grid_code import ROWS_CODE, WORDS_CODE
from core.kernels.products import PRELUDE, Tiles, up

RUN = 256
"""Samples that a thread of the CPU takes through one level before the next: their features take 16 kilobytes."""

_BLOCK = 32
"""Samples that go through tiles together, two rows side by side: they share weights, and neither of their products
waits for the other. Four rows took a little longer, perhaps for the room that their sums take in the cache."""

# CUDA reads a row's weights some at a time, all threads the same.
_ON_CUDA = """
    struct alignas(4 * HIDDEN_GROUP) HiddenGroup { float at[HIDDEN_GROUP]; };
    struct alignas(4 * OUTPUT_GROUP) OutputGroup { float at[OUTPUT_GROUP]; };
    const HiddenGroup* hidden_rows = reinterpret_cast<const HiddenGroup*>(hidden_weights.data);
    const OutputGroup* output_rows = reinterpret_cast<const OutputGroup*>(output_weights.data);
    float at[3], hidden[N_HIDDEN] = {}, outputs[N_OUT] = {};
    places_of(first, 1, at);
#pragma unroll 1
    for (int k = 0; k < N_LEVELS; ++k) {
        Vertices vertices;
        vertices_of(levels.data[k], at, vertices);
        float encoded[N_FEATURES] = {};
#pragma unroll
        for (int v = 0; v < 8; ++v)
#pragma unroll
            for (int pair = 0; pair < N_FEATURES / 2; ++pair) {
                const unsigned word = table.data[vertices.entry[v] * (N_FEATURES / 2) + pair];
                encoded[2 * pair] += vertices.weight[v] * __uint_as_float(word << 16);
                encoded[2 * pair + 1] += vertices.weight[v] * __uint_as_float(word & 0xffff0000u);
            }
#pragma unroll
        for (int c = 0; c < N_FEATURES; ++c)
#pragma unroll
            for (int group = 0; group < N_HIDDEN / HIDDEN_GROUP; ++group) {
                const HiddenGroup weights = hidden_rows[(k * N_FEATURES + c) * (N_HIDDEN / HIDDEN_GROUP) + group];
#pragma unroll
                for (int u = 0; u < HIDDEN_GROUP; ++u)
                    hidden[group * HIDDEN_GROUP + u] += weights.at[u] * encoded[c];
            }
    }
#pragma unroll
    for (int h = 0; h < N_HIDDEN; ++h) {
        const float x = hidden[h] < 0.0f ? 0.0f : hidden[h];
#pragma unroll
        for (int group = 0; group < N_OUT / OUTPUT_GROUP; ++group) {
            const OutputGroup weights = output_rows[h * (N_OUT / OUTPUT_GROUP) + group];
#pragma unroll
            for (int u = 0; u < OUTPUT_GROUP; ++u)
                outputs[group * OUTPUT_GROUP + u] += weights.at[u] * x;
        }
    }
    OutputGroup* to = reinterpret_cast<OutputGroup*>(features.data + (size_t)first * N_OUT);
#pragma unroll
    for (int group = 0; group < N_OUT / OUTPUT_GROUP; ++group) {
        OutputGroup values;
#pragma unroll
        for (int u = 0; u < OUTPUT_GROUP; ++u)
            values.at[u] = outputs[group * OUTPUT_GROUP + u];
        to[group] = values;
    }
"""

_ON_CPU = """
    constexpr int N_ROWS = RUN_LENGTH / LANES;
    Row at[N_ROWS][3];
    ROOM
    for (int i = first, row = 0; i < last; i += LANES, ++row)
        places_of(i, last - i, at[row]);

    for (int k = 0; k < N_LEVELS; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            Vertices vertices;
            vertices_of(levels.data[k], at[row], vertices);
            MIX
        }
LAYERS"""

_VECTOR_LAYERS = """
    for (int i = first, row = 0; i < last; i += LANES, ++row) {
        Row outputs[N_OUT];
        NETWORK
        const int n = last - i < LANES ? last - i : LANES;
        for (int j = 0; j < n; ++j)
            for (int o = 0; o < N_OUT; ++o)
                features.data[(size_t)(i + j) * N_OUT + o] = reinterpret_cast<const float*>(outputs)[o * LANES + j];
    }
"""

# Eight rows are summed at once, for a sum can't be added to again before it is done.
_LAYER = """
        for (int o = 0; o < N_TO; o += AT_ONCE) {
            Row sums[AT_ONCE] = {};
            for (int c = 0; c < N_FROM; ++c) {
                const Row x = FROM;
#pragma unroll
                for (int u = 0; u < AT_ONCE; ++u)
                    sums[u] = multiply_add(WEIGHTS.data[c * N_TO + o + u] - zeros, x, sums[u]);
            }
#pragma unroll
            for (int u = 0; u < AT_ONCE; ++u)
                TO = RESULT;
        }
"""

# A sum that is no number stays so.
_RELU = "sums[u] < zeros ? zeros : sums[u]"

# Weights are rounded anew for each run, a hundredth of its time: torch would take longer, and can't tell whether they
# changed since the last call. What fills up tiles is zeros in both factors, for zero times no number is no number.
_TILE_ROOM = """
    typedef short Numbers __attribute__((vector_size(64)));
    auto paired = [](Row low, Row high) WIDE {
        const auto halves = (Numbers)__builtin_ia32_cvtne2ps2bf16_512(high, low);
        return (Words)__builtin_shufflevector(halves, halves, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    };
    auto rectified = [](Row x) WIDE { return x < 0.0f ? Row{} : x; };
    alignas(64) Number hidden_rows[UP_HIDDEN * UP_IN] = {}, output_rows[UP_OUT * UP_HIDDEN] = {};
    for (int h = 0; h < N_HIDDEN; ++h)
        for (int c = 0; c < N_IN; c += 16)
            put(hidden_rows + h * UP_IN + c, some(hidden_weights.data + h * N_IN + c, N_IN - c));
    for (int o = 0; o < N_OUT; ++o)
        for (int h = 0; h < N_HIDDEN; h += 16)
            put(output_rows + o * UP_HIDDEN + h, some(output_weights.data + o * N_HIDDEN + h, N_HIDDEN - h));
    alignas(64) unsigned encoded[RUN_LENGTH / BLOCK][UP_IN / 2 * BLOCK] = {};
"""

_TILE_LAYERS = """
    for (int i = first, block = 0; i < last; i += BLOCK, ++block) {
        const unsigned* inputs = encoded[block];
        alignas(64) unsigned hidden[UP_HIDDEN / 2 * BLOCK];
        alignas(64) float found[32 * BLOCK];
        for (int h = 0; h < UP_HIDDEN; h += 32) {
            for (int half = 0; half < 2; ++half) {
                float* sums = found + half * 16 * BLOCK;
                HIDDEN_PRODUCT
            }
            for (int r = 0; r < 16; ++r)
                for (int c = 0; c < BLOCK; c += 16) {
                    const Row low = *(const Row*)(found + 2 * r * BLOCK + c);
                    const Row high = *(const Row*)(found + (2 * r + 1) * BLOCK + c);
                    *(Words*)(hidden + (h / 2 + r) * BLOCK + c) = paired(rectified(low), rectified(high));
                }
        }
        for (int o = 0; o < N_OUT; o += 16) {
            float* sums = found;
            OUTPUT_PRODUCT
            for (int c = 0; c < BLOCK && i + c < last; c += 16) {
                GIVE
            }
        }
    }
"""

_GIVE = """alignas(64) Words samples[16];
                for (int r = 0; r < 16; ++r)
                    samples[r] = *(const Words*)(sums + r * BLOCK + c);
                transpose(samples);
                for (int j = 0; j < 16 && i + c + j < last; ++j)
                    give(features.data + (size_t)(i + c + j) * N_OUT + o, (Row)samples[j], N_OUT - o);"""

_GIVE_ONE = "give(features.data + i + c, *(const Row*)(sums + c), last - i - c);"


def evaluation_code(n_in: int, n_hidden: int, n_out: int, n_features: int, in_tiles: bool) -> str:
    """What evaluates samples `first` to `last`.

    Args:
        n_features: of a level; they make up the `n_in`.
        in_tiles: whether the CPU multiplies in tiles, and takes weights by output; else it takes them by input, as
            CUDA does.
    """
    on_cpu = _in_tiles(n_in, n_hidden, n_out) if in_tiles else _in_vectors(n_in, n_hidden, n_out)
    groups = {"HIDDEN_GROUP": math.gcd(4, n_hidden), "OUTPUT_GROUP": math.gcd(4, n_out)}
    levels = "\n    constexpr int N_LEVELS = N_IN / N_FEATURES;\n"
    text = f"{ROWS_CODE}{levels}#ifdef __CUDA_ARCH__{_ON_CUDA}#else{on_cpu}#endif\n"
    text = _replaced(text, RUN_LENGTH=RUN, **groups)
    return _replaced(text, N_IN=n_in, N_HIDDEN=n_hidden, N_OUT=n_out, N_FEATURES=n_features)


def _replaced(text: str, **values: object) -> str:
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


def _in_tiles(n_in: int, n_hidden: int, n_out: int) -> str:
    tiles, width, hidden = Tiles(), up(n_in, 32), up(n_hidden, 32)
    layers = _TILE_LAYERS.replace("GIVE", _GIVE_ONE if n_out == 1 else _GIVE)
    products = {
        "HIDDEN_PRODUCT": tiles.product(f"hidden_rows + (h + 16 * half) * {width}", width, width, "inputs", _BLOCK),
        "OUTPUT_PRODUCT": tiles.product(f"output_rows + o * {hidden}", hidden, hidden, "hidden", _BLOCK),
    }
    at = "encoded[row / (BLOCK / 16)] + (k * N_FEATURES / 2 + pair) * BLOCK + row % (BLOCK / 16) * 16"
    keep = f"*(Words*)({at}) = paired(even, odd);"
    room, layers = "{" + PRELUDE + tiles.prelude + _TILE_ROOM, layers + tiles.end + "}\n"
    text = _replaced(_ON_CPU, MIX=WORDS_CODE, ROOM=room, KEEP=keep, LAYERS=layers)
    return _replaced(text, **products, UP_IN=width, UP_HIDDEN=hidden, UP_OUT=up(n_out, 16), BLOCK=_BLOCK)


def _in_vectors(n_in: int, n_hidden: int, n_out: int) -> str:
    place = "encoded[k * N_FEATURES + 2 * pair"
    keep = f"{place}][row] = even;\n                {place} + 1][row] = odd;"
    layers = _VECTOR_LAYERS.replace("NETWORK", _network(n_in, n_hidden, n_out))
    return _replaced(_ON_CPU, MIX=WORDS_CODE, ROOM="Row encoded[N_IN][N_ROWS];", KEEP=keep, LAYERS=layers)


def _at_once(n_to: int) -> int:
    return next(n for n in (8, 4, 2, 1) if n_to % n == 0)


def _layer(n_from: int, n_to: int, source: str, weights: str, target: str, result: str) -> str:
    sizes = {"N_FROM": n_from, "N_TO": n_to, "AT_ONCE": _at_once(n_to)}
    return _replaced(_LAYER, **sizes, FROM=source, WEIGHTS=weights, TO=target, RESULT=result)


def _network(n_in: int, n_hidden: int, n_out: int) -> str:
    """The CPU's code for both layers: all of the hidden one and then the outputs; or, where there is but one output,
    which would wait for each of its sums in turn, what each group of the hidden layer adds to sums side by side."""
    first = n_in, n_hidden, "encoded[c][row]", "hidden_weights"
    if n_out > 1:
        layers = _layer(*first, "hidden[o + u]", _RELU)
        layers += _layer(n_hidden, n_out, "hidden[c]", "output_weights", "outputs[o + u]", "sums[u]")
        return f"Row hidden[N_HIDDEN]; {layers}"
    added = f"multiply_add(output_weights.data[o + u] - zeros, {_RELU}, parts[u])"
    layer, n_parts = _layer(*first, "parts[u]", added), _at_once(n_hidden)
    total = " + ".join(f"parts[{u}]" for u in range(n_parts))
    return f"Row parts[{n_parts}] = {{}}; {layer} outputs[0] = {total};"
