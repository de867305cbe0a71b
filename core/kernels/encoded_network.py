"""A hash grid and the network behind it in one kernel, without gradients: marches evaluate it more than all else.

The twin of `hash_encode`, of a table rounded to bfloat16, followed by `core.fields.mlp.mlp`, in float32 or, in matrix
tiles, in bfloat16. A thread of the CPU takes a run of samples through all levels and then some of them at a time
through the layers: all between the table and the result stays in the cache, and there is one launch in place of a
dozen. A thread on CUDA takes one sample, whose hidden layer stays in its registers: each level's features are added to
it as they are found.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.contraction import Space
from core.kernels.encoded_network_code import RUN, evaluation_code
from core.kernels.runtime.launch import launch_runs, made_once
from core.kernels.runtime.native import native_kernel


@made_once
def _kernel(n_in: int, n_hidden: int, n_out: int, n_features: int, in_tiles: bool) -> wp.Kernel:
    name = f"encoded_network_{n_in}_{n_hidden}_{n_out}_{n_features}_{'tiles' if in_tiles else 'vectors'}"
    code = evaluation_code(n_in, n_hidden, n_out, n_features, in_tiles)

    # in one module, each new kernel would have all others compiled again
    @native_kernel(code, run_over="positions", name=name, module=f"{__name__}.{name}")
    def kernel(
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

    return kernel


def packed_table(table: Tensor) -> Tensor:
    """A table (n_entries, n_features) rounded to bfloat16, two features a word: (n_entries, n_features / 2) int32.

    It takes half the memory, which is what lets it stay in a CPU's cache.
    """
    return table.detach().bfloat16().view(torch.int32)


def laid_out(weights: list[Tensor], in_tiles: bool) -> list[Tensor]:
    """Weight matrices as the kernel reads them, each in a row: tiles take the weights of one output beside each other,
    all else those of one input."""
    return [(weight if in_tiles else weight.T).contiguous().view(-1) for weight in weights]


@torch.no_grad()
def encoded_network(
    positions: Tensor, table: Tensor, levels: Tensor, space: Space, weights: list[Tensor], in_tiles: bool = False
) -> Tensor:
    """What a network of two layers makes of the features of positions.

    Args:
        positions, levels, space: see `core.kernels.hash_grid.hash_encode`.
        table: see `packed_table`.
        weights: (n_hidden, n_levels * n_features) and (n_out, n_hidden) float32, with a ReLU between.
        in_tiles: multiply in bfloat16, on the CPU and where `core.kernels.network.has_tiles`; else in float32.

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
