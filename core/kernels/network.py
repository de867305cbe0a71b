"""A small fully connected network on the CPU: one kernel forward and one backward in place of dozens of operations.

A thread takes some rows at a time through all layers, so that all between the input and the result stays in the cache.
The backward works hidden activations out again, which takes less time than to keep them. Where the processor has
matrix tiles (Intel's AMX), products in bfloat16 run in them, many times as fast as by vectors in float32.
"""

from functools import cache

import torch
import warp as wp
from torch import Tensor

from core.kernels.network_code import NetworkCode
from core.kernels.products import Tiles, Vectors, up
from core.kernels.runtime.launch import lanes_on, launch, made_once
from core.kernels.runtime.native import native_kernel

_WORTH_A_THREAD = 1 << 10
"""Rows that are worth a thread of their own."""


@made_once
def written(sizes: tuple[int, ...], in_tiles: bool, junction: int = 0) -> NetworkCode:
    """What writes the code of a network, see `NetworkCode`."""
    return NetworkCode(sizes, Tiles() if in_tiles else Vectors(), junction)


@made_once
def _kernel(sizes: tuple[int, ...], in_tiles: bool, backward: bool) -> wp.Kernel:
    writer = written(sizes, in_tiles)
    name = f"network_{'_'.join(map(str, sizes))}_{'tiles' if in_tiles else 'vectors'}_{'back' if backward else 'ahead'}"
    module = f"{__name__}.{name}"
    if backward:

        @native_kernel(writer.backward(), name=name, module=module)
        def kernel(
            part: wp.int32,
            n_parts: wp.int32,
            wants_inputs: wp.int32,
            inputs: wp.array(dtype=wp.float32),
            grads: wp.array(dtype=wp.float32),
            matrices: wp.array(dtype=wp.float32),
            scratch: wp.array(dtype=wp.float32),
            weight_grads: wp.array(dtype=wp.float32),
            input_grads: wp.array(dtype=wp.float32),
        ): ...

    else:

        @native_kernel(writer.forward(), name=name, module=module)
        def kernel(
            part: wp.int32,
            n_parts: wp.int32,
            inputs: wp.array(dtype=wp.float32),
            matrices: wp.array(dtype=wp.float32),
            scratch: wp.array(dtype=wp.float32),
            outputs: wp.array(dtype=wp.float32),
        ): ...

    return kernel


@cache
def has_tiles() -> bool:
    """Whether this processor multiplies bfloat16 in matrix tiles, rounds vectors to it, and the system lets it."""
    known = torch.cpu.get_capabilities()
    return all(known.get(name, False) for name in ("avx512_bf16", "amx_tile", "amx_bf16")) and torch.cpu._init_amx()


def network_outputs(x: Tensor, weights: list[Tensor], in_tiles: bool) -> Tensor:
    """What a network without biases, with a ReLU between its layers, makes of each row.

    Args:
        x: (n, n_in) float32, on the CPU.
        weights: one (n_out, n_in) float32 matrix a layer.
        in_tiles: multiply in bfloat16, where `has_tiles`; else in float32.

    Returns:
        (n, n_out of the last layer) float32.
    """
    sizes, x = sizes_of(weights), x.contiguous()
    parts, matrices, scratch = prepared(x, weights, written(sizes, in_tiles))
    outputs = torch.empty(x.shape[0], sizes[-1])
    inputs = [parts, x.view(-1), matrices, scratch, outputs.view(-1)]
    launch(_kernel(sizes, in_tiles, False), (parts,), inputs, grain=1)
    return outputs


def network_gradients(
    x: Tensor, grads: Tensor, weights: list[Tensor], in_tiles: bool, wants_inputs: bool
) -> tuple[Tensor | None, list[Tensor]]:
    """The gradients of `network_outputs`, for those of its result.

    Args:
        grads: (n, n_out of the last layer) float32.
        wants_inputs: whether the inputs' gradients are asked for.

    Returns:
        The inputs' gradients (n, n_in), or None; and those of each layer's weights.
    """
    sizes, x = sizes_of(weights), x.contiguous()
    writer = written(sizes, in_tiles)
    parts, matrices, scratch = prepared(x, weights, writer)
    weight_grads = torch.zeros(parts, writer.n_gradients)
    input_grads = torch.empty_like(x) if wants_inputs else x[:0]
    inputs = [parts, int(wants_inputs), x.view(-1), grads.contiguous().view(-1), matrices, scratch]
    inputs += [weight_grads.view(-1), input_grads.view(-1)]
    launch(_kernel(sizes, in_tiles, True), (parts,), inputs, grain=1)
    return input_grads if wants_inputs else None, sized_gradients(weight_grads, writer)


def prepared(x: Tensor, weights: list[Tensor], writer: NetworkCode) -> tuple[int, Tensor, Tensor]:
    """How many parts the rows of `x` are cut into, all weights in a row, and room for each part's own."""
    parts = max(1, min(lanes_on(x.device), x.shape[0] // _WORTH_A_THREAD))
    return parts, torch.cat([weight.detach().reshape(-1) for weight in weights]), torch.zeros(parts * writer.n_packed)


def sized_gradients(weight_grads: Tensor, writer: NetworkCode) -> list[Tensor]:
    """Each layer's gradients (n_out, n_in), of those of all layers (parts, n_gradients)."""
    sums = weight_grads.sum(0)
    return [
        sums.as_strided((n_out, n_in), (up(n_in, 16), 1), first)
        for (n_in, n_out), first in zip(writer.shapes, writer.gradients_at[:-1], strict=True)
    ]


def sizes_of(weights: list[Tensor]) -> tuple[int, ...]:
    """Numbers that go into the first layer, and those that come out of each."""
    return (weights[0].shape[1], *(weight.shape[0] for weight in weights))
