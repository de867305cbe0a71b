"""Activations that fields share."""

import torch
from torch import Tensor


class _TruncatedExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> Tensor:
        (grads,) = gradients
        (x,) = ctx.saved_tensors
        return grads * torch.exp(x.clamp(-15.0, 15.0))


def truncated_exp(x: Tensor) -> Tensor:
    """exp whose gradient is held finite (torch-ngp, Instant-NGP): the argument is clamped to +-15 in the backward."""
    return _TruncatedExp.apply(x)
