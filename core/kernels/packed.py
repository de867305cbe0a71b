"""Volume rendering over packed samples (Max 1995; NerfAcc, Li et al. 2023): transmittance, weights, pixels, sums.

With optical thickness tau = sigma * (t_end - t_start) a sample has alpha = 1 - exp(-tau), transmittance
T = exp(-sum of the earlier taus) and weight w = T * alpha.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor
from torch.nn.functional import mse_loss

from core.kernels.runtime.backend import nerfacc_for
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Floats, Int, Vec2is

LEAST_WEIGHT = 1e-6
"""Added to weights in logarithms, whose gradients then stay finite where a weight is 0; `cpp/pixel_loss.h` says the
same."""

_GRAIN = 1 << 11
"""Rays that justify one more thread."""


class Composited(NamedTuple):
    """The pixels of packed samples.

    Attributes:
        weights: (n_samples,) float32, the samples' shares in the pixels.
        colors: (n_rays, 3) float32, over the background.
        opacities: (n_rays,) float32, the sums of the weights.
        depths: (n_rays,) float32, the weighted mean of the samples' middles; inf where opacity is 0.
        median_depths: (n_rays,) float32, t where transmittance falls to 0.5; inf where it never does. Density is
            constant within a sample, so this t is exact.
    """

    weights: Tensor
    colors: Tensor
    opacities: Tensor
    depths: Tensor
    median_depths: Tensor


@cpp_kernel("composite.h", "composite_ahead")
def _composite_ahead(
    ray: Int,
    packed_info: Vec2is,
    t_starts: Floats,
    t_ends: Floats,
    sigmas: Floats,
    rgbs: Floats,
    background: Floats,
    weights: Floats,
    trans: Floats,
    colors: Floats,
    opacities: Floats,
    depths: Floats,
    medians: Floats,
): ...


@cpp_kernel("composite.h", "composite_back")
def _composite_back(
    ray: Int,
    packed_info: Vec2is,
    t_starts: Floats,
    t_ends: Floats,
    sigmas: Floats,
    rgbs: Floats,
    background: Floats,
    weights: Floats,
    trans: Floats,
    opacities: Floats,
    depths: Floats,
    weight_grads: Floats,
    trans_grads: Floats,
    color_grads: Floats,
    opacity_grads: Floats,
    depth_grads: Floats,
    source_grads: Floats,
    rgb_grads: Floats,
    start_grads: Floats,
    end_grads: Floats,
): ...


def _walk(kernel: wp.Kernel, packed_info: Tensor, arrays: list[Tensor | None]) -> None:
    """Launch a kernel over rays; for None it receives an array without data."""
    nothing = packed_info.new_empty(0, dtype=torch.float32)
    flat = [nothing if x is None else x if x.ndim == 1 else x.view(-1) for x in arrays]
    launch(kernel, (packed_info.shape[0],), [packed_info.contiguous(), *flat], grain=_GRAIN)


class _Composite(torch.autograd.Function):
    """Weights and pixels in one pass over each ray, and their gradients in one pass back.

    Weights that are `given` replace those of the densities; without colours there are no pixels, only weights.
    """

    @staticmethod
    def forward(
        ctx,
        t_starts: Tensor,
        t_ends: Tensor,
        sigmas: Tensor,
        rgbs: Tensor | None,
        background: Tensor | None,
        given: Tensor | None,
        packed_info: Tensor,
    ) -> tuple[Tensor | None, ...]:
        own: list[Tensor | None] = [None, None]
        pixels: list[Tensor | None] = [None, None, None, None]
        if given is None:
            own = [torch.empty_like(sigmas) for _ in range(2)]
        if rgbs is not None:
            n_rays = packed_info.shape[0]
            pixels = [sigmas.new_empty(n_rays, 3), *(sigmas.new_empty(n_rays) for _ in range(3))]
            ctx.mark_non_differentiable(pixels[3])
        inputs = [t_starts, t_ends, sigmas, rgbs, background, *(own if given is None else (given, None))]
        _walk(_composite_ahead, packed_info, [*inputs, *pixels])
        ctx.save_for_backward(packed_info, *inputs, *pixels[1:3])
        ctx.set_materialize_grads(False)
        return *own, *pixels

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor | None):
        packed_info, *arrays = ctx.saved_tensors
        t_starts, _, sigmas, rgbs, background, _, trans, opacities, _ = arrays
        wanted = ctx.needs_input_grad
        out_grads = [None if x is None else x.contiguous() for x in grad_outputs[:5]]
        rgb_grads = torch.empty_like(rgbs) if wanted[3] and out_grads[2] is not None else None
        t_grads = [torch.empty_like(t_starts) if wanted[0] or wanted[1] else None for _ in range(2)]
        source_grads = torch.empty_like(sigmas)  # of the weights where they were given, else of the densities
        _walk(_composite_back, packed_info, [*arrays, *out_grads, source_grads, rgb_grads, *t_grads])
        background_grads = None
        if wanted[4] and out_grads[2] is not None:
            background_grads = (out_grads[2] * (1.0 - opacities[:, None])).sum_to_size(background.shape)
        sigma_grads, given_grads = (None, source_grads) if trans is None else (source_grads, None)
        return *t_grads, sigma_grads, rgb_grads, background_grads, given_grads, None


@replaceable("composite")
def composite(
    sigmas: Tensor,
    rgbs: Tensor,
    t_starts: Tensor,
    t_ends: Tensor,
    packed_info: Tensor,
    background: Tensor,
    weights: Tensor | None = None,
) -> Composited:
    """The pixels of packed samples; differentiable in all but the medians.

    Args:
        sigmas: (n_samples,) float32, at least 0, per scene unit.
        rgbs: (n_samples, 3) float32.
        t_starts, t_ends: (n_samples,) float32.
        packed_info: (n_rays, 2) int32.
        background: (3,) or (n_rays, 3) float32.
        weights: (n_samples,) float32; None: those that follow from the densities.

    Raises:
        ValueError: the background has another shape, or lies on another device; or a tensor is float64.
    """
    return composite_with_trans(sigmas, rgbs, t_starts, t_ends, packed_info, background, weights)[0]


def composite_with_trans(
    sigmas: Tensor,
    rgbs: Tensor,
    t_starts: Tensor,
    t_ends: Tensor,
    packed_info: Tensor,
    background: Tensor,
    weights: Tensor | None = None,
) -> tuple[Composited, Tensor | None]:
    """The pixels of packed samples, see `composite`, and the light that reaches each sample, (n_samples,); None if
    weights are given."""
    n_rays = packed_info.shape[0]
    if background.numel() not in (3, 3 * n_rays) or background.device != sigmas.device:
        raise ValueError(
            f"expected a background of shape (3,) or ({n_rays}, 3) on {sigmas.device}, "
            f"found {tuple(background.shape)} on {background.device}: give one colour, or one for each ray"
        )
    trans = None
    if weights is None and nerfacc_for(sigmas) is not None:
        weights, trans = render_weights(sigmas, t_starts, t_ends, packed_info)
    given = None
    if weights is not None:
        given, sigmas = as_float32(weights), sigmas.detach()  # which then determine only the medians
    floats = (t_starts, t_ends, sigmas, rgbs, background)
    own, own_trans, *pixels = _Composite.apply(*map(as_float32, floats), given, packed_info)
    return Composited(own if weights is None else weights, *pixels), own_trans if trans is None else trans


def as_float32(x: Tensor) -> Tensor:
    """A tensor as the kernels take it, contiguous float32.

    Raises:
        ValueError: it is float64, whose digits would be lost in silence.
    """
    if x.dtype == torch.float64:
        raise ValueError("expected float32, found float64: the kernels compute in float32; call .float() first")
    return x.float().contiguous()


def color_loss(colors: Tensor, targets: Tensor, weights: Tensor, entropy: float) -> Tensor:
    """What is to be minimised: the mean squared error of pixels, and the entropy of their samples' weights.

    The entropy of a ray is -sum(w log w), and counts as its mean over rays. It is 0 where a ray sees a single opaque
    surface or nothing, and grows with fog: what fog explains as well as a surface does is then learnt as a surface
    (after InfoNeRF, Kim et al. 2022, section 3.2; here weights aren't normalised, so empty rays have none).

    Args:
        colors, targets: (n_rays, 3) float32, and what they should be.
        weights: (n_samples,) float32, the samples' shares in the pixels.
        entropy: how much the entropy counts, at least 0.
    """
    error = mse_loss(colors, targets)
    if entropy <= 0.0:
        return error
    return error - entropy / max(1, len(targets)) * (weights * torch.log(weights + LEAST_WEIGHT)).sum()


@replaceable("render_weights")
def render_weights(sigmas: Tensor, t_starts: Tensor, t_ends: Tensor, packed_info: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and transmittances of packed samples; differentiable in the densities and the samples' ends.

    Args:
        sigmas: (n_samples,) float32, at least 0, per scene unit.
        t_starts, t_ends: (n_samples,) float32.
        packed_info: (n_rays, 2) int32.

    Returns:
        weights, trans: (n_samples,) each; trans is the light that reaches a sample, before it absorbs any.
    """
    nerfacc = nerfacc_for(sigmas)
    if nerfacc is None:
        return _Composite.apply(*map(as_float32, (t_starts, t_ends, sigmas)), None, None, None, packed_info)[:2]
    taus = sigmas * (t_ends - t_starts)
    trans = torch.exp(-nerfacc.exclusive_sum(taus, packed_info))
    return trans * (1.0 - torch.exp(-taus)), trans


@cpp_kernel("composite.h", "accumulate_ahead")
def _accumulate_ahead(
    ray: Int, n_channels: Int, packed_info: Vec2is, weights: Floats, values: Floats, sums: Floats
): ...


@cpp_kernel("composite.h", "accumulate_back")
def _accumulate_back(
    ray: Int,
    n_channels: Int,
    packed_info: Vec2is,
    weights: Floats,
    values: Floats,
    sum_grads: Floats,
    weight_grads: Floats,
    value_grads: Floats,
): ...


class _Accumulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weights: Tensor, values: Tensor, packed_info: Tensor) -> Tensor:
        n_rays = packed_info.shape[0]
        sums = torch.empty(n_rays, values.shape[1], device=values.device)
        inputs = [values.shape[1], packed_info, weights, values.view(-1), sums.view(-1)]
        launch(_accumulate_ahead, (n_rays,), inputs)
        ctx.save_for_backward(packed_info, weights, values)
        return sums

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (sum_grads,) = grad_outputs
        packed_info, weights, values = ctx.saved_tensors
        weight_grads, value_grads = torch.empty_like(weights), torch.empty_like(values)
        inputs = [values.shape[1], packed_info, weights, values.view(-1), sum_grads.contiguous().view(-1)]
        launch(_accumulate_back, (packed_info.shape[0],), [*inputs, weight_grads, value_grads.view(-1)])
        return weight_grads, value_grads, None


@replaceable("accumulate_along_rays")
def accumulate_along_rays(weights: Tensor, values: Tensor, packed_info: Tensor) -> Tensor:
    """Sum of weight * value over each ray's samples; differentiable in both.

    Args:
        weights: (n_samples,) float32.
        values: (n_samples, n_channels) float32.
        packed_info: (n_rays, 2) int32.

    Returns:
        (n_rays, n_channels) float32; 0 for a ray without samples.
    """
    return _Accumulate.apply(weights.contiguous(), values.contiguous(), packed_info.contiguous())
