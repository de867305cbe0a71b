"""Weights of packed samples from their alphas: w_i = T_i alpha_i, with T_i the product of the earlier 1 - alpha.

Unlike weights from densities -log(1 - alpha) / step, gradients are exact and finite where an alpha is 1.
"""

import torch
from torch import Tensor

from core.kernels.packed import as_float32
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Floats, Int, Vec2is

_GRAIN = 1 << 11
"""Rays that justify one more thread."""


@cpp_kernel("alpha_weights.h", "alpha_weights_ahead")
def _ahead(ray: Int, packed_info: Vec2is, alphas: Floats, weights: Floats, trans: Floats): ...


@cpp_kernel("alpha_weights.h", "alpha_weights_back")
def _back(
    ray: Int,
    packed_info: Vec2is,
    alphas: Floats,
    trans: Floats,
    weight_grads: Floats,
    trans_grads: Floats,
    alpha_grads: Floats,
): ...


class _AlphaWeights(torch.autograd.Function):
    @staticmethod
    def forward(ctx, alphas: Tensor, packed_info: Tensor) -> tuple[Tensor, Tensor]:
        weights, trans = torch.empty_like(alphas), torch.empty_like(alphas)
        launch(_ahead, (packed_info.shape[0],), [packed_info, alphas, weights, trans], grain=_GRAIN)
        ctx.save_for_backward(packed_info, alphas, trans)
        ctx.set_materialize_grads(False)
        return weights, trans

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor | None):
        packed_info, alphas, trans = ctx.saved_tensors
        grads = [alphas.new_empty(0) if x is None else x.contiguous() for x in grad_outputs]
        alpha_grads = torch.empty_like(alphas)
        launch(_back, (packed_info.shape[0],), [packed_info, alphas, trans, *grads, alpha_grads], grain=_GRAIN)
        return alpha_grads, None


@replaceable("render_weights_from_alphas")
def render_weights_from_alphas(alphas: Tensor, packed_info: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and transmittances of packed samples; differentiable in the alphas, also where they are 0 or 1.

    Args:
        alphas: (n_samples,) float32, 0 to 1.
        packed_info: (n_rays, 2) int32.

    Returns:
        weights, trans: (n_samples,) each; trans is the light that reaches a sample, before it absorbs any.

    Raises:
        ValueError: the alphas are float64.
    """
    return _AlphaWeights.apply(as_float32(alphas), packed_info.contiguous())
