"""A small fully connected network with ReLU between its layers, and its gradients.

On the CPU all layers are one kernel forward and one backward, see `core.kernels.network`; on CUDA they are torch's
products.

Half precision is bfloat16 on both: it has float32's range, so gradients need no scaling, unlike float16's. A CPU uses
it only with matrix tiles; in vectors, float32 is as fast.
"""

from typing import Annotated

import torch
from torch import Tensor

from core.config.setting import Setting
from core.config.types import Precision
from core.kernels.network import has_tiles, network_gradients, network_outputs

ProductPrecision = Annotated[
    Precision,
    Setting(
        "Number format of the networks' matrix products; weights stay float32. A CPU without matrix tiles (AMX) "
        "computes in float32 all the same."
    ),
]
"""The setting of fields whose networks run by `mlp`."""

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
    """The number format in which `mlp` really multiplies if a precision is requested."""
    return precision if device.type != "cpu" or multiplies_in_tiles(precision, device) else "float32"


def mlp(x: Tensor, weights: list[Tensor], precision: Precision) -> Tensor:
    """Run a network without biases; differentiable in its input and weights.

    Args:
        x: (n, n_in) float32.
        weights: one (n_out, n_in) float32 matrix per layer; a ReLU follows each layer but the last.
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
