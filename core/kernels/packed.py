"""Volume rendering over packed samples (Max 1995; NerfAcc, Li et al. 2023): transmittance, weights, sums.

One thread walks one ray. With optical thickness tau = sigma * (t_end - t_start) a sample has
alpha = 1 - exp(-tau), transmittance T = exp(-sum of the earlier taus) and weight w = T * alpha.
"""

import math

import torch
import warp as wp
from torch import Tensor

from core.kernels.backend import nerfacc_for
from core.kernels.launch import launch

_LN2 = wp.constant(math.log(2.0))


@wp.kernel
def _weights_forward(
    offset: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    taus: wp.array(dtype=wp.float32),
    weights: wp.array(dtype=wp.float32),
    trans: wp.array(dtype=wp.float32),
):
    ray = wp.tid() + offset
    first = packed_info[ray][0]
    thickness = wp.float32(0.0)
    for i in range(first, first + packed_info[ray][1]):
        transmittance = wp.exp(-thickness)
        trans[i] = transmittance
        weights[i] = transmittance * (1.0 - wp.exp(-taus[i]))
        thickness += taus[i]


@wp.kernel
def _weights_backward(
    offset: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    taus: wp.array(dtype=wp.float32),
    weights: wp.array(dtype=wp.float32),
    trans: wp.array(dtype=wp.float32),
    weight_grads: wp.array(dtype=wp.float32),
    trans_grads: wp.array(dtype=wp.float32),
    tau_grads: wp.array(dtype=wp.float32),
):
    # d w_i / d tau_i = T_i exp(-tau_i);  d w_k / d tau_i = -w_k and d T_k / d tau_i = -T_k for the samples k behind i.
    ray = wp.tid() + offset
    first = packed_info[ray][0]
    n = packed_info[ray][1]
    behind = wp.float32(0.0)
    for j in range(n):
        i = first + n - 1 - j
        tau_grads[i] = weight_grads[i] * (trans[i] - weights[i]) - behind
        behind += weight_grads[i] * weights[i] + trans_grads[i] * trans[i]


class _Weights(torch.autograd.Function):
    @staticmethod
    def forward(ctx, taus: Tensor, packed_info: Tensor) -> tuple[Tensor, Tensor]:
        weights, trans = torch.empty_like(taus), torch.empty_like(taus)
        launch(_weights_forward, (packed_info.shape[0],), [packed_info, taus, weights, trans])
        ctx.save_for_backward(packed_info, taus, weights, trans)
        return weights, trans

    @staticmethod
    def backward(ctx, weight_grads: Tensor, trans_grads: Tensor):
        packed_info, taus, weights, trans = ctx.saved_tensors
        tau_grads = torch.empty_like(taus)
        grads = [weight_grads.contiguous(), trans_grads.contiguous(), tau_grads]
        launch(_weights_backward, (packed_info.shape[0],), [packed_info, taus, weights, trans, *grads])
        return tau_grads, None


def render_weights(sigmas: Tensor, t_starts: Tensor, t_ends: Tensor, packed_info: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and transmittances of packed samples; differentiable in the densities.

    Args:
        sigmas: (n_samples,) float32, at least 0, per scene unit.
        t_starts, t_ends: (n_samples,) float32.
        packed_info: (n_rays, 2) int32.

    Returns:
        weights, trans: (n_samples,) each; trans is the light that reaches a sample, before it absorbs any.
    """
    taus = sigmas * (t_ends - t_starts)
    nerfacc = nerfacc_for(taus)
    if nerfacc is None:
        return _Weights.apply(taus, packed_info)
    trans = torch.exp(-nerfacc.exclusive_sum(taus, packed_info))
    return trans * (1.0 - torch.exp(-taus)), trans


@wp.kernel
def _accumulate_forward(
    offset: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    weights: wp.array(dtype=wp.float32),
    values: wp.array2d(dtype=wp.float32),
    sums: wp.array2d(dtype=wp.float32),
):
    ray = wp.tid() + offset
    first = packed_info[ray][0]
    for c in range(values.shape[1]):
        sums[ray, c] = 0.0
    for i in range(first, first + packed_info[ray][1]):
        for c in range(values.shape[1]):
            sums[ray, c] = sums[ray, c] + weights[i] * values[i, c]


@wp.kernel
def _accumulate_backward(
    offset: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    weights: wp.array(dtype=wp.float32),
    values: wp.array2d(dtype=wp.float32),
    sum_grads: wp.array2d(dtype=wp.float32),
    weight_grads: wp.array(dtype=wp.float32),
    value_grads: wp.array2d(dtype=wp.float32),
):
    ray = wp.tid() + offset
    first = packed_info[ray][0]
    for i in range(first, first + packed_info[ray][1]):
        total = wp.float32(0.0)
        for c in range(values.shape[1]):
            total += sum_grads[ray, c] * values[i, c]
            value_grads[i, c] = sum_grads[ray, c] * weights[i]
        weight_grads[i] = total


class _Accumulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weights: Tensor, values: Tensor, packed_info: Tensor) -> Tensor:
        n_rays = packed_info.shape[0]
        sums = torch.empty(n_rays, values.shape[1], device=values.device)
        launch(_accumulate_forward, (n_rays,), [packed_info, weights, values, sums])
        ctx.save_for_backward(packed_info, weights, values)
        return sums

    @staticmethod
    def backward(ctx, sum_grads: Tensor):
        packed_info, weights, values = ctx.saved_tensors
        weight_grads, value_grads = torch.empty_like(weights), torch.empty_like(values)
        grads = [sum_grads.contiguous(), weight_grads, value_grads]
        launch(_accumulate_backward, (packed_info.shape[0],), [packed_info, weights, values, *grads])
        return weight_grads, value_grads, None


def accumulate_along_rays(weights: Tensor, values: Tensor, packed_info: Tensor) -> Tensor:
    """Sum of weight * value over each ray's samples; differentiable in both.

    Args:
        weights: (n_samples,) float32.
        values: (n_samples, n_channels) float32.
        packed_info: (n_rays, 2) int32.

    Returns:
        (n_rays, n_channels) float32; 0 for a ray without samples.
    """
    return _Accumulate.apply(weights, values.contiguous(), packed_info)


@wp.kernel
def _median_depths(
    offset: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    t_starts: wp.array(dtype=wp.float32),
    t_ends: wp.array(dtype=wp.float32),
    sigmas: wp.array(dtype=wp.float32),
    depths: wp.array(dtype=wp.float32),
):
    ray = wp.tid() + offset
    missing = wp.float32(_LN2)
    i = packed_info[ray][0]
    last = i + packed_info[ray][1]
    depth = wp.float32(wp.INF)
    while i < last:
        tau = sigmas[i] * (t_ends[i] - t_starts[i])
        if tau >= missing:
            depth = t_starts[i] + missing / sigmas[i]
            i = last
        missing -= tau
        i += 1
    depths[ray] = depth


def median_depths(sigmas: Tensor, t_starts: Tensor, t_ends: Tensor, packed_info: Tensor) -> Tensor:
    """t where each ray's transmittance over its packed samples passes 0.5, (n_rays,); inf where it never does.

    Density is constant within a sample, so the passage is exact inside it. Not differentiable.
    """
    depths = torch.empty(packed_info.shape[0], device=sigmas.device)
    launch(_median_depths, (packed_info.shape[0],), [packed_info, t_starts, t_ends, sigmas, depths])
    return depths
