"""Activations that fields share."""

import torch
from torch import Tensor

STEEPEST = 15.0
"""Arguments of exp are clamped to +- this in its gradient."""


class _TruncatedExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> Tensor:
        (grads,) = gradients
        (x,) = ctx.saved_tensors
        return grads * torch.exp(x.clamp(-STEEPEST, STEEPEST))


def truncated_exp(x: Tensor) -> Tensor:
    """exp, elementwise, with a gradient that stays finite (torch-ngp, Instant-NGP): see `STEEPEST`."""
    return _TruncatedExp.apply(x)
