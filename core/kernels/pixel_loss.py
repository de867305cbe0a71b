"""A training step behind the encoding of its samples, in one kernel on the CPU: both networks, pixels, their loss
against photos, and all gradients.

As operations of their own, the backward pass would compute the networks' activations a second time, and the samples'
colours and gradients would go through memory several times.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.geometry.rays import Samples
from core.kernels.network import Network, prepared, room_for_gradients, sized_gradients
from core.kernels.packed import Composited
from core.kernels.radiance import Layers
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch, made_once
from core.kernels.runtime.types import Float, Floats, Int, Vec2is

ROOMS = 4
"""Blocks of 64 samples whose activations a thread keeps for the backward pass; they take a quarter of a megabyte."""


class PixelLoss(NamedTuple):
    """Pixels, and their loss with its gradients.

    Attributes:
        loss: a scalar, see `core.kernels.packed.color_loss`.
        pixels: see `core.kernels.packed.composite`.
        input_grads: (n_samples, n_in) float32, the gradient of the encoded positions.
        weight_grads: those of each layer's weights.
    """

    loss: Tensor
    pixels: Composited
    input_grads: Tensor
    weight_grads: list[Tensor]


def pixel_loss(
    encoded: Tensor,
    directions: Tensor,
    samples: Samples,
    background: Tensor,
    targets: Tensor,
    entropy: float,
    layers: Layers,
) -> PixelLoss:
    """Render samples and compare the pixels with photos.

    Args:
        encoded, directions, layers: of the samples, see `core.kernels.radiance.radiance_outputs`.
        samples: packed by rays.
        background: (3,) or (n_rays, 3) float32.
        targets: (n_rays, 3) float32, the photos' colours.
        entropy: how much the entropy of the weights counts, see `core.kernels.packed.color_loss`.
    """
    network, encoded = layers.network(), encoded.contiguous()
    n, n_rays = encoded.shape[0], targets.shape[0]
    parts, matrices, scratch = prepared(encoded, layers.weights, network, ROOMS)
    weight_grads, input_grads = room_for_gradients(encoded, parts, network, wants_inputs=True)
    sigmas, weights, trans, sigma_grads, weight_slopes = torch.empty(5, n)
    rgbs, rgb_grads = torch.empty(2, n, 3)
    colors, color_grads = torch.empty(2, n_rays, 3)
    opacities, depths, medians = torch.empty(3, n_rays)
    losses = torch.zeros(parts)
    given = [encoded, directions, samples.packed_info, samples.t_starts, samples.t_ends, background, targets]
    made = [sigmas, rgbs, weights, trans, colors, opacities, depths, medians, color_grads, sigma_grads, rgb_grads]
    made.append(weight_slopes)
    columns = [*(x.contiguous() for x in given), matrices, scratch, *made, losses, weight_grads, input_grads]
    flat = [x if x.dtype == torch.int32 else x.view(-1) for x in columns]
    launch(_kernel(network), (parts,), [parts, layers.steepness, layers.scale, entropy, *flat], grain=1)
    pixels = Composited(weights, colors, opacities, depths, medians)
    return PixelLoss(losses.sum(), pixels, input_grads, sized_gradients(weight_grads, network))


@made_once
def _kernel(network: Network) -> wp.Kernel:
    name = f"pixel_loss_{network.name}"
    n_scratch = network.n_packed + ROOMS * network.n_activations
    call = f"pixel_loss<{network.cpp}, {n_scratch}, {network.gradients_at[-1]}>"

    @cpp_kernel("pixel_loss.h", call, name=name, module=f"{__name__}.{name}")
    def kernel(
        part: Int,
        n_parts: Int,
        steepness: Float,
        scale: Float,
        entropy: Float,
        inputs: Floats,
        directions: Floats,
        packed_info: Vec2is,
        t_starts: Floats,
        t_ends: Floats,
        background: Floats,
        targets: Floats,
        matrices: Floats,
        scratch: Floats,
        sigmas: Floats,
        rgbs: Floats,
        weights: Floats,
        trans: Floats,
        colors: Floats,
        opacities: Floats,
        depths: Floats,
        medians: Floats,
        color_grads: Floats,
        sigma_grads: Floats,
        rgb_grads: Floats,
        weight_slopes: Floats,
        losses: Floats,
        weight_grads: Floats,
        input_grads: Floats,
    ): ...

    return kernel
