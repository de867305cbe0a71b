"""A hash grid and the network behind it in one kernel, without gradients: marches evaluate it more than all else.

The twin of `hash_encode`, of a table rounded to bfloat16, followed by `core.fields.mlp.mlp` in float32. A thread of
the CPU takes a run of samples through all levels and then sixteen of them at a time through the layers: all between
the table and the result stays in the cache, and there is one launch in place of a dozen. A thread on CUDA takes one
sample, whose hidden layer stays in its registers: each level's features are added to it as they are found.
"""

import math
from functools import cache

import torch
import warp as wp
from torch import Tensor

from core.kernels.hash_grid import ROWS_CODE
from core.kernels.launch import launch, making_kernels
from core.kernels.space import Space

_RUN = 256
"""Samples that a thread of the CPU takes through one level before the next: their features take 16 kilobytes."""

# On the CPU eight rows are summed at once, for a sum can't be added to again before it is done. A pair of features is
# one word of the table, the even one in its low half. CUDA reads a row's weights some at a time, all threads the same.
_EVALUATE = """
    constexpr int N_LEVELS = N_IN / N_FEATURES;
#ifdef __CUDA_ARCH__
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
#else
    constexpr int N_ROWS = RUN_LENGTH / LANES;
    Row at[N_ROWS][3], encoded[N_IN][N_ROWS];
    for (int i = first, row = 0; i < last; i += LANES, ++row)
        places_of(i, last - i, at[row]);

    for (int k = 0; k < N_LEVELS; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            Vertices vertices;
            vertices_of(levels.data[k], at[row], vertices);
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
                encoded[k * N_FEATURES + 2 * pair][row] = even;
                encoded[k * N_FEATURES + 2 * pair + 1][row] = odd;
            }
        }

    for (int i = first, row = 0; i < last; i += LANES, ++row) {
        Row outputs[N_OUT];
        NETWORK
        const int n = last - i < LANES ? last - i : LANES;
        for (int j = 0; j < n; ++j)
            for (int o = 0; o < N_OUT; ++o)
                features.data[(size_t)(i + j) * N_OUT + o] = reinterpret_cast<const float*>(outputs)[o * LANES + j];
    }
#endif
"""

_LAYER_CODE = """
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


def _replaced(code: str, **values: object) -> str:
    for name, value in values.items():
        code = code.replace(name, str(value))
    return code


def _at_once(n_to: int) -> int:
    return next(n for n in (8, 4, 2, 1) if n_to % n == 0)


def _layer(n_from: int, n_to: int, source: str, weights: str, target: str, result: str) -> str:
    sizes = {"N_FROM": n_from, "N_TO": n_to, "AT_ONCE": _at_once(n_to)}
    return _replaced(_LAYER_CODE, **sizes, FROM=source, WEIGHTS=weights, TO=target, RESULT=result)


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


def _code(n_in: int, n_hidden: int, n_out: int, n_features: int) -> str:
    groups = {"HIDDEN_GROUP": math.gcd(4, n_hidden), "OUTPUT_GROUP": math.gcd(4, n_out)}
    network = _network(n_in, n_hidden, n_out)
    code = _replaced(ROWS_CODE + _EVALUATE, NETWORK=network, RUN_LENGTH=_RUN, **groups)
    return _replaced(code, N_IN=n_in, N_HIDDEN=n_hidden, N_OUT=n_out, N_FEATURES=n_features)


def _kernel(*sizes: int) -> wp.Kernel:
    """A kernel over runs of samples for these sizes: a picture's threads ask at once."""
    with making_kernels:
        return _made(*sizes)


@cache
def _made(n_in: int, n_hidden: int, n_out: int, n_features: int) -> wp.Kernel:

    @wp.func_native(_code(n_in, n_hidden, n_out, n_features))
    def evaluate(
        first: wp.int32,
        last: wp.int32,
        positions: wp.array(dtype=wp.vec3f),
        low: wp.vec3f,
        inverse_size: wp.vec3f,
        contraction: wp.int32,
        axes: wp.mat33f,
        levels: wp.array(dtype=wp.vec4i),
        table: wp.array(dtype=wp.int32),
        hidden_weights: wp.array(dtype=wp.float32),
        output_weights: wp.array(dtype=wp.float32),
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
        table: wp.array(dtype=wp.int32),
        hidden_weights: wp.array(dtype=wp.float32),
        output_weights: wp.array(dtype=wp.float32),
        features: wp.array(dtype=wp.float32),
    ):
        first = (wp.tid() + offset) * run
        last = wp.min(first + run, positions.shape[0])
        evaluate(
            first,
            last,
            positions,
            low,
            inverse_size,
            contraction,
            axes,
            levels,
            table,
            hidden_weights,
            output_weights,
            features,
        )

    return wp.Kernel(kernel, key=f"encoded_network_{n_in}_{n_hidden}_{n_out}_{n_features}")


def packed_table(table: Tensor) -> Tensor:
    """A table (n_entries, n_features) rounded to bfloat16, two features a word: (n_entries, n_features / 2) int32.

    It takes half the memory, which is what lets it stay in a CPU's cache.
    """
    return table.detach().bfloat16().view(torch.int32)


@torch.no_grad()
def encoded_network(positions: Tensor, table: Tensor, levels: Tensor, space: Space, weights: list[Tensor]) -> Tensor:
    """What a network of two layers makes of the features of positions.

    Args:
        positions, levels, space: see `core.kernels.hash_grid.hash_encode`.
        table: see `packed_table`.
        weights: (n_hidden, n_levels * n_features) and (n_out, n_hidden) float32, with a ReLU between.

    Returns:
        (n, n_out) float32.
    """
    by_input = [weight.T.contiguous() for weight in weights]  # the weights of one input beside each other
    sizes = (*by_input[0].shape, by_input[1].shape[1], 2 * table.shape[1])
    features = torch.empty(positions.shape[0], by_input[1].shape[1], device=positions.device)
    run = _RUN if positions.device.type == "cpu" else 1
    inputs = [run, positions.contiguous(), *space.arguments(), levels]
    matrices = [x.view(-1) for x in (table, *by_input, features)]
    launch(_kernel(*sizes), (-(-positions.shape[0] // run),), inputs + matrices, grain=8)
    return features
