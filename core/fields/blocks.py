"""Runs a network block by block on the pool's threads, forward and backward.

torch's own threads are off (see `core.process.configure`), and its backward pass runs on a single thread. So each block
is a task of its own in both directions: its activations aren't kept, and the backward pass recomputes them (gradient
checkpointing), which also bounds the memory of a deep network.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from core.kernels.runtime.launch import lanes_on, run_together

_BLOCK = 4096
"""Rows of a block, at most: the activations of 8 layers of 256 units take 32 megabytes while it runs."""

_BLOCK_ON_CUDA = 1 << 16
"""The same on CUDA, where more rows keep the chip busy; they take about 1 GB in the backward pass."""

_GRANULE = 256
"""On the CPU the rows of a block are a multiple of this, because torch compiles a bfloat16 product for each size."""

Network = Callable[..., Tensor]
"""Takes columns of n rows each and returns (n, n_out)."""


def in_blocks(network: Network, columns: tuple[Tensor, ...], parameters: Sequence[Tensor]) -> Tensor:
    """Run a network on columns of n rows, see `Network`; differentiable in the columns and the parameters.

    Args:
        network: each row of its output depends on the same row of the columns alone; it is deterministic, since the
            backward pass calls it again.
        parameters: all that `network` learns.

    Returns:
        (n, n_out).
    """
    return _Blocks.apply(network, len(columns), *columns, *parameters)


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, network: Network, n_columns: int, *tensors: Tensor) -> Tensor:
        columns = tensors[:n_columns]
        ctx.network, ctx.n_columns = network, n_columns
        ctx.save_for_backward(*tensors)
        return torch.cat(run_together([partial(network, *block) for block in _cut(columns)]))[: columns[0].shape[0]]

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        (grads,) = gradients
        columns, parameters = ctx.saved_tensors[: ctx.n_columns], list(ctx.saved_tensors[ctx.n_columns :])
        needed = ctx.needs_input_grad[2 : 2 + ctx.n_columns]

        def run(block: list[Tensor], block_grads: Tensor) -> tuple[Tensor | None, ...]:
            with torch.enable_grad():
                inputs = [x.detach().requires_grad_(need) for x, need in zip(block, needed, strict=True)]
                outputs = ctx.network(*inputs)
            wanted = [x for x, need in zip(inputs, needed, strict=True) if need] + parameters
            return torch.autograd.grad(outputs, wanted, block_grads, allow_unused=True)

        n, granule = grads.shape[0], _granule(grads)
        padded = torch.nn.functional.pad(grads, (0, 0, 0, -n % granule))
        blocks = zip(_cut(columns), _cut((padded,)), strict=True)
        found = list(zip(*run_together([partial(run, block, *g) for block, g in blocks]), strict=True))
        column_grads = iter(found[: sum(needed)])
        parameter_grads = [None if same[0] is None else torch.stack(same).sum(0) for same in found[sum(needed) :]]
        given = [torch.cat(next(column_grads))[:n] if need else None for need in needed]
        return None, None, *given, *parameter_grads


def _cut(columns: tuple[Tensor, ...]) -> list[list[Tensor]]:
    """Cut columns into blocks: on the CPU one for each thread, or more if they would exceed `_BLOCK`.

    The last block is padded with copies of the last row, which the network can surely handle.
    """
    n, granule = columns[0].shape[0], _granule(columns[0])
    if missing := -n % granule:
        columns = tuple(torch.cat([x, x[-1:].expand(missing, -1)]) for x in columns)
        n += missing
    size = min(_BLOCK_ON_CUDA, max(n, 1))
    if columns[0].device.type == "cpu":
        share = -(-n // lanes_on(columns[0].device))
        size = min(_BLOCK, max(granule, share + -share % granule))
    return [[x[first : first + size] for x in columns] for first in range(0, max(n, 1), size)]


def _granule(x: Tensor) -> int:
    return _GRANULE if x.device.type == "cpu" else 1
