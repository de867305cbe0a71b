"""A small fully connected network with ReLU between its layers, and its gradients.

On the CPU all layers are one kernel forward and one backward, see `core.kernels.network`; on CUDA, torch's products.

Half precision is bfloat16, on both: its range is that of float32, so that gradients need no scaling, which float16's
do. A CPU has to have matrix tiles for it; by vectors, float32 is as quick.
"""

import torch
from torch import Tensor

from core.config.types import Precision
from core.kernels.network import has_tiles, network_gradients, network_outputs

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class _OnCPU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, in_tiles: bool, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        ctx.in_tiles = in_tiles
        return network_outputs(x, list(weights), in_tiles)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        (grads,) = gradients
        x, *weights = ctx.saved_tensors
        input_grads, weight_grads = network_gradients(x, grads, weights, ctx.in_tiles, ctx.needs_input_grad[0])
        return input_grads, None, *weight_grads


def multiplies_in_tiles(precision: Precision, device: torch.device) -> bool:
    """Whether a network's products run in the CPU's matrix tiles, in bfloat16."""
    return device.type == "cpu" and precision == "bfloat16" and has_tiles()


def products_in(precision: Precision, device: torch.device) -> Precision:
    """The number format that `mlp` multiplies in where one is asked for."""
    return precision if device.type != "cpu" or multiplies_in_tiles(precision, device) else "float32"


def mlp(x: Tensor, weights: list[Tensor], precision: Precision) -> Tensor:
    """Run a network without biases; differentiable in its input and weights.

    Args:
        x: (n, n_in) float32.
        weights: one (n_out, n_in) float32 matrix a layer; there is a ReLU between layers and none behind the last.
        precision: the number format of the products, see `products_in`.

    Returns:
        (n, n_out of the last layer) float32.
    """
    if x.device.type == "cpu":
        return _OnCPU.apply(x, multiplies_in_tiles(precision, x.device), *weights)
    dtype = DTYPES[precision]
    y = x.to(dtype)
    for weight in weights[:-1]:
        y = torch.relu(y @ weight.to(dtype).T)
    return (y @ weights[-1].to(dtype).T).float()
