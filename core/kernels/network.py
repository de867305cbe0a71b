"""A small fully connected network on the CPU: one kernel forward and one backward, in place of dozens of operations.

A thread takes a block of rows through all layers at a time, so that activations stay in its cache. The backward pass
recomputes hidden activations, which is faster than storing them. On processors with matrix tiles (Intel's AMX),
products in bfloat16 run in these, many times as fast as float32 in vectors.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate

import torch
import warp as wp
from torch import Tensor

from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.device import cpu_has
from core.kernels.runtime.launch import lanes_on, launch, made_once
from core.kernels.runtime.types import Floats, Int
from core.kernels.spherical_harmonics import N_HARMONICS

_WORTH_A_THREAD = 1 << 10
"""Rows that justify one more thread."""

ROWS = 64
"""Rows that a thread takes through all layers at a time."""


@dataclass(frozen=True)
class Network:
    """The sizes that a network's kernels are compiled for; `cpp/mlp.h` has the same type.

    Attributes:
        sizes: the first layer's inputs, and each layer's outputs.
        in_tiles: whether it multiplies in bfloat16, in matrix tiles.
        junction: the index of the layer whose input is the previous layer's output, without a ReLU, followed by the
            16 harmonics of a direction; 0: no layer's.
    """

    sizes: tuple[int, ...]
    in_tiles: bool
    junction: int = 0

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """(n_in, n_out) of each layer."""
        n_in = list(self.sizes[:-1])
        if self.junction:
            n_in[self.junction] += N_HARMONICS
        return list(zip(n_in, self.sizes[1:], strict=True))

    @cached_property
    def n_packed(self) -> int:
        """Floats of scratch for the weights that a thread packs, for the forward and for the backward pass."""
        rows, words_halved = (32, 2) if self.in_tiles else (1, 1)
        given = zip(self.shapes, self.sizes, strict=False)  # harmonics need no gradient, and so no backward factor
        factors = [factor for (n_in, n_out), n in given for factor in ((n_in, n_out), (n_out, n))]
        return sum(_up(n_rows, rows) * _up(n_columns, 16) // words_halved for n_rows, n_columns in factors)

    @cached_property
    def n_activations(self) -> int:
        """Floats of scratch for the inputs of all layers, and the last one's outputs, of `ROWS` samples."""
        granule, words_halved = (32, 2) if self.in_tiles else (16, 1)
        widths = [n_in for n_in, _ in self.shapes] + [self.sizes[-1]]
        return ROWS * sum(_up(width, granule) for width in widths) // words_halved

    @cached_property
    def gradients_at(self) -> list[int]:
        """Offsets of each layer's gradients, (n_out, n_in) padded to whole vectors, and their total size."""
        return [0, *accumulate(_up(n_out, 16) * _up(n_in, 16) for n_in, n_out in self.shapes)]

    @property
    def cpp(self) -> str:
        """The type's name in C++."""
        products = f"firstlight::{'Tiles' if self.in_tiles else 'Vectors'}"
        return f"firstlight::Network<{', '.join(map(str, (products, self.junction, *self.sizes)))}>"

    @property
    def name(self) -> str:
        """Part of a kernel's name."""
        junction = f"_at_{self.junction}" if self.junction else ""
        return f"{'_'.join(map(str, self.sizes))}{junction}_{'tiles' if self.in_tiles else 'vectors'}"


def _up(n: int, multiple: int) -> int:
    """`n` rounded up to a multiple."""
    return -(-n // multiple) * multiple


@made_once
def _ahead(network: Network) -> wp.Kernel:
    name = f"network_{network.name}_ahead"
    call = f"network_ahead<{network.cpp}, {network.n_packed}>"

    @cpp_kernel("mlp.h", call, name=name, module=f"{__name__}.{name}")
    def kernel(part: Int, n_parts: Int, inputs: Floats, matrices: Floats, scratch: Floats, outputs: Floats): ...

    return kernel


@made_once
def _back(network: Network) -> wp.Kernel:
    name = f"network_{network.name}_back"
    call = f"network_back<{network.cpp}, {network.n_packed}, {network.gradients_at[-1]}>"

    @cpp_kernel("mlp.h", call, name=name, module=f"{__name__}.{name}")
    def kernel(
        part: Int,
        n_parts: Int,
        inputs: Floats,
        grads: Floats,
        matrices: Floats,
        scratch: Floats,
        weight_grads: Floats,
        input_grads: Floats,
    ): ...

    return kernel


@cache
def has_tiles() -> bool:
    """Whether the processor has matrix tiles for bfloat16 and instructions that round vectors to it, and the operating
    system permits their use."""
    return cpu_has("avx512_bf16", "amx_tile", "amx_bf16") and torch.cpu._init_amx()


def network_outputs(x: Tensor, weights: list[Tensor], in_tiles: bool) -> Tensor:
    """Run a network without biases, with a ReLU between its layers.

    Args:
        x: (n, n_in) float32, on the CPU.
        weights: one (n_out, n_in) float32 matrix a layer.
        in_tiles: multiply in bfloat16, where `has_tiles`; else in float32.

    Returns:
        (n, n_out of the last layer) float32.
    """
    network, x = network_of(weights, in_tiles), x.contiguous()
    parts, matrices, scratch = prepared(x, weights, network)
    outputs = torch.empty(x.shape[0], network.sizes[-1])
    inputs = [parts, x.view(-1), matrices, scratch, outputs.view(-1)]
    launch(_ahead(network), (parts,), inputs, grain=1)
    return outputs


def network_gradients(
    x: Tensor, grads: Tensor, weights: list[Tensor], in_tiles: bool, wants_inputs: bool
) -> tuple[Tensor | None, list[Tensor]]:
    """The backward pass of `network_outputs`.

    Args:
        grads: (n, n_out of the last layer) float32, gradients of its result.
        wants_inputs: whether to compute the gradient of x.

    Returns:
        The gradient of x, (n, n_in), or None; and those of each layer's weights.
    """
    network, x = network_of(weights, in_tiles), x.contiguous()
    parts, matrices, scratch = prepared(x, weights, network)
    weight_grads, input_grads = room_for_gradients(x, parts, network, wants_inputs)
    inputs = [parts, x.view(-1), grads.contiguous().view(-1), matrices, scratch]
    inputs += [weight_grads.view(-1), input_grads.view(-1)]
    launch(_back(network), (parts,), inputs, grain=1)
    return input_grads if wants_inputs else None, sized_gradients(weight_grads, network)


def prepared(x: Tensor, weights: list[Tensor], network: Network, n_kept: int = 0) -> tuple[int, Tensor, Tensor]:
    """How many parts the rows of `x` are divided into, one for each thread; all weights, flattened and joined; and
    zeroed scratch for all parts, in which each has room for its packed weights and the activations of `n_kept` times
    `ROWS` rows."""
    parts = max(1, min(lanes_on(x.device), x.shape[0] // _WORTH_A_THREAD))
    n_scratch = network.n_packed + n_kept * network.n_activations
    return parts, torch.cat([weight.detach().reshape(-1) for weight in weights]), torch.zeros(parts * n_scratch)


def room_for_gradients(x: Tensor, parts: int, network: Network, wants_inputs: bool) -> tuple[Tensor, Tensor]:
    """Zeros (parts, n_gradients) for a kernel to add the weights' gradients to, and memory for the gradient of `x`: as
    large as `x`, or empty unless it is wanted."""
    return torch.zeros(parts, network.gradients_at[-1]), torch.empty_like(x) if wants_inputs else x.new_empty(0)


def sized_gradients(weight_grads: Tensor, network: Network) -> list[Tensor]:
    """Each layer's gradients (n_out, n_in), from those of all parts, (parts, n_gradients)."""
    sums = weight_grads.sum(0)
    return [
        sums.as_strided((n_out, n_in), (_up(n_in, 16), 1), first)
        for (n_in, n_out), first in zip(network.shapes, network.gradients_at[:-1], strict=True)
    ]


def network_of(weights: list[Tensor], in_tiles: bool, junction: int = 0) -> Network:
    """The network with these weights: the same object each time, so that its layout is computed once."""
    return _network((weights[0].shape[1], *(weight.shape[0] for weight in weights)), in_tiles, junction)


@cache
def _network(sizes: tuple[int, ...], in_tiles: bool, junction: int) -> Network:
    return Network(sizes, in_tiles, junction)
