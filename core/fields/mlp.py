"""A small fully connected network with ReLU between its layers, and its gradients.

On the CPU the batch is cut into blocks that run through all layers while their activations are in the cache, on as
many threads as there are; threads meet once forward and once backward, not at every matrix product. On CUDA the batch
is one block.

Half precision is bfloat16, on both: its range is that of float32, so that gradients need no scaling, which float16's
do. A GPU without it (before Ampere) computes in float32, see `core.device.fastest_precision`.
"""

from functools import partial

import torch
from torch import Tensor

from core.kernels.launch import lanes_on, run_together
from core.settings import Precision

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_BLOCK = 8192
"""Rows of a block: its activations, 64 wide in bfloat16, take a megabyte."""

_GRANULE = 256
"""The last block is padded to a multiple of this: the CPU compiles a bfloat16 product for each size it meets."""


class _MLP(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, dtype: torch.dtype, learning: bool, *weights: Tensor) -> Tensor:
        rounded = [weight.to(dtype) for weight in weights]
        outputs = torch.empty(x.shape[0], weights[-1].shape[0], device=x.device)

        def run(first: int, last: int) -> list[Tensor]:
            """The block's input and hidden activations, where the backward needs them."""
            activations = [_padded(x[first:last], dtype)]
            for weight in rounded[:-1]:
                activations.append(_relu_product(activations[-1], weight))
            outputs[first:last] = torch.mm(activations[-1], rounded[-1].T)[: last - first]
            return activations if learning else []

        ctx.blocks = _blocks(x)
        ctx.activations = run_together([partial(run, *block) for block in ctx.blocks])
        ctx.weights, ctx.input_shape = rounded, x.shape
        return outputs

    @staticmethod
    def backward(ctx, grads: Tensor):
        weights = ctx.weights
        input_grads = torch.empty(ctx.input_shape, device=grads.device) if ctx.needs_input_grad[0] else None

        def run(first: int, last: int, activations: list[Tensor]) -> list[Tensor]:
            """The block's part of the weights' gradients, last layer first."""
            g = _padded(grads[first:last], weights[0].dtype)
            weight_grads = []
            for weight, inputs in zip(weights[::-1], activations[::-1], strict=True):
                weight_grads.append(torch.mm(g.T, inputs).float())
                if weight is not weights[0]:
                    g = torch.ops.aten.threshold_backward(torch.mm(g, weight), inputs, 0)
            if input_grads is not None:
                input_grads[first:last] = torch.mm(g, weights[0])[: last - first]
            return weight_grads

        tasks = zip(ctx.blocks, ctx.activations, strict=True)
        parts = run_together([partial(run, *block, kept) for block, kept in tasks])
        weight_grads = [torch.stack(same).sum(0) for same in zip(*parts, strict=True)]
        return input_grads, None, None, *weight_grads[::-1]


def mlp(x: Tensor, weights: list[Tensor], precision: Precision) -> Tensor:
    """Run a network without biases; differentiable in its input and weights.

    Args:
        x: (n, n_in) float32.
        weights: one (n_out, n_in) float32 matrix a layer; there is a ReLU between layers and none behind the last.
        precision: the number format of the products; gradients of blocks are summed in float32.

    Returns:
        (n, n_out of the last layer) float32.
    """
    return _MLP.apply(x, DTYPES[precision], torch.is_grad_enabled(), *weights)


def _relu_product(x: Tensor, weight: Tensor) -> Tensor:
    """relu(x @ weight.T); where oneDNN multiplies bfloat16, its product does both in one pass over the result."""
    if x.dtype == torch.bfloat16 and x.device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.ops.mkldnn._linear_pointwise(x, weight, None, "relu", [], "")
    return torch.mm(x, weight.T).relu_()


def _blocks(x: Tensor) -> list[tuple[int, int]]:
    """On the CPU as many blocks as threads, or more if they got too large for the cache."""
    n = x.shape[0]
    size = max(n, 1)
    if x.device.type == "cpu":
        size = min(_BLOCK, max(_GRANULE, -(-size // lanes_on(x.device))))
    return [(first, min(first + size, n)) for first in range(0, max(n, 1), size)]


def _padded(x: Tensor, dtype: torch.dtype) -> Tensor:
    """`x` in another format, on the CPU with rows of zeros behind it up to a multiple of the granule."""
    missing = -x.shape[0] % _GRANULE if x.device.type == "cpu" else 0
    rounded = x.to(dtype)
    return torch.nn.functional.pad(rounded, (0, 0, 0, missing)) if missing else rounded
