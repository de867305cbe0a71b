"""A hash grid followed by a network of two layers in one kernel, without gradients, which marches call most of all.

It computes what `hash_encode` and `core.fields.mlp.mlp` do one after the other, from a table rounded to bfloat16; the
network is in float32, or in bfloat16 in matrix tiles. A thread of the CPU looks a run of samples up in all levels, and
then evaluates the layers for sixteen at a time: everything between the table and the result stays in the cache, and one
launch replaces a dozen. A thread on CUDA keeps the hidden layer of its sample in registers.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.contraction import Space
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch_runs, made_once
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Floats, Int, Ints, Mat33, Vec3, Vec3s, Vec4is

TILES = ("encoded_network_tiles.h",)
"""Headers that a kernel which multiplies in tiles includes before `encoded_network.h`."""

RUN = 256
"""Samples that a thread of the CPU looks up in one level before the next; their features take 16 kilobytes."""


@made_once
def _kernel(n_in: int, n_hidden: int, n_out: int, n_features: int, in_tiles: bool) -> wp.Kernel:
    name = f"encoded_network_{n_in}_{n_hidden}_{n_out}_{n_features}_{'tiles' if in_tiles else 'vectors'}"
    sizes = f"{RUN}, {n_in}, {n_hidden}, {n_out}, {n_features}, {str(in_tiles).lower()}"

    # in one shared module, each new kernel would recompile all others
    @cpp_kernel(
        (*TILES, "encoded_network.h") if in_tiles else "encoded_network.h",
        f"encoded_network<{sizes}>",
        run_over="positions",
        name=name,
        module=f"{__name__}.{name}",
    )
    def kernel(
        first: Int,
        last: Int,
        positions: Vec3s,
        low: Vec3,
        inverse_size: Vec3,
        contraction: Int,
        axes: Mat33,
        levels: Vec4is,
        table: Ints,
        hidden_weights: Floats,
        output_weights: Floats,
        features: Floats,
    ): ...

    return kernel


def packed_table(table: Tensor) -> Tensor:
    """A table (n_entries, n_features) rounded to bfloat16, two features per word: (n_entries, n_features / 2) int32.

    It takes half the memory, so that more of it stays in a CPU's cache.
    """
    return table.detach().bfloat16().view(torch.int32)


def laid_out(weights: list[Tensor], in_tiles: bool) -> list[Tensor]:
    """Flattened weight matrices in the kernel's order: output by output for tiles, otherwise input by input."""
    return [(weight if in_tiles else weight.T).contiguous().view(-1) for weight in weights]


@replaceable("encoded_network")
@torch.no_grad()
def encoded_network(
    positions: Tensor, table: Tensor, levels: Tensor, space: Space, weights: list[Tensor], in_tiles: bool = False
) -> Tensor:
    """Evaluate a network of two layers on the features of positions.

    Args:
        positions, levels, space: see `core.kernels.hash_grid.hash_encode`.
        table: see `packed_table`.
        weights: (n_hidden, n_levels * n_features) and (n_out, n_hidden) float32, with a ReLU between.
        in_tiles: multiply in bfloat16, on a CPU for which `core.kernels.network.has_tiles`; else in float32.

    Returns:
        (n, n_out) float32.
    """
    (n_hidden, n_in), n_out = weights[0].shape, weights[1].shape[0]
    laid = laid_out(weights, in_tiles)
    features = torch.empty(positions.shape[0], n_out, device=positions.device)
    inputs = [positions.contiguous(), *space.arguments(), levels]
    matrices = [table.view(-1), *laid, features.view(-1)]
    kernel = _kernel(n_in, n_hidden, n_out, 2 * table.shape[1], in_tiles)
    launch_runs(kernel, (positions.shape[0],), RUN, inputs + matrices, grain=8)
    return features
