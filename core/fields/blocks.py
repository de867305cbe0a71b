"""Runs a network block by block on the pool's threads, forward and backward.

torch's own threads are off (see `core.kernels.runtime.launch`), and its backward runs on one. So a block's activations
are not kept: the backward runs the block again, and blocks are independent of each other both ways. That bounds the
memory of a deep network too.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from core.kernels.runtime.launch import lanes_on, run_together

_BLOCK = 4096
"""Rows of a block: the activations of 8 layers of 256 take 32 megabytes while it runs."""

_GRANULE = 256
"""On the CPU all blocks have a multiple of these rows: it compiles a bfloat16 product for each size that it meets."""

Network = Callable[..., Tensor]
"""Takes columns of n rows each, gives (n, n_out)."""


def in_blocks(network: Network, columns: tuple[Tensor, ...], parameters: Sequence[Tensor]) -> Tensor:
    """What a network makes of columns of n rows: (n, n_out); differentiable in the columns and the parameters.

    Args:
        network: row by row, and the same whenever it is called.
        parameters: all that `network` learns.
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
    """On the CPU as many blocks as threads, or more of them where they got too large; elsewhere one. The last row fills
    the last block up: it is one that the network bears."""
    n, granule = columns[0].shape[0], _granule(columns[0])
    if missing := -n % granule:
        columns = tuple(torch.cat([x, x[-1:].expand(missing, -1)]) for x in columns)
        n += missing
    size = max(n, 1)
    if columns[0].device.type == "cpu":
        share = -(-n // lanes_on(columns[0].device))
        size = min(_BLOCK, max(granule, share + -share % granule))
    return [[x[first : first + size] for x in columns] for first in range(0, max(n, 1), size)]


def _granule(x: Tensor) -> int:
    return _GRANULE if x.device.type == "cpu" else 1
