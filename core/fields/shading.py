"""Densities and colours from encoded positions and view directions.

On the CPU everything behind the encoding is one kernel forward and one backward, see `core.kernels.radiance`; on CUDA
there are separate operations.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from core.config.types import Precision
from core.fields.activations import truncated_exp
from core.fields.mlp import mlp, multiplies_in_tiles
from core.geometry.rays import Samples
from core.kernels.packed import Composited, color_loss, composite
from core.kernels.pixel_loss import pixel_loss
from core.kernels.radiance import Layers, radiance_gradients, radiance_outputs
from core.kernels.spherical_harmonics import beside_harmonics


class _OnCPU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, encoded: Tensor, directions: Tensor, layers: Layers, *weights: Tensor) -> tuple[Tensor, Tensor]:
        sigmas, rgbs = radiance_outputs(encoded, directions, layers._replace(weights=list(weights)))
        ctx.save_for_backward(encoded, directions, rgbs, *weights)
        ctx.layers = layers
        return sigmas, rgbs

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        sigma_grads, rgb_grads = gradients
        encoded, directions, rgbs, *weights = ctx.saved_tensors
        layers = ctx.layers._replace(weights=weights)
        wanted = ctx.needs_input_grad[0]
        input_grads, weight_grads = radiance_gradients(
            encoded, directions, rgbs, sigma_grads, rgb_grads, layers, wanted
        )
        return input_grads, None, None, *weight_grads


class _LossOnCPU(torch.autograd.Function):
    """The loss's gradients are computed with it; the pixels take none."""

    @staticmethod
    def forward(
        ctx,
        encoded: Tensor,
        directions: Tensor,
        samples: Samples,
        background: Tensor,
        targets: Tensor,
        entropy: float,
        layers: Layers,
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        layers = layers._replace(weights=list(weights))
        found = pixel_loss(encoded, directions, samples, background, targets, entropy, layers)
        ctx.save_for_backward(found.input_grads, *found.weight_grads)
        ctx.mark_non_differentiable(*found.pixels)
        return found.loss, *found.pixels

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        grads = ctx.saved_tensors
        if float(gradients[0]) != 1.0:  # which is what the backward pass of a loss begins with
            grads = [gradients[0] * x for x in grads]
        return grads[0], None, None, None, None, None, None, *grads[1:]


def radiance(
    encoded: Tensor,
    directions: Tensor,
    density_layers: Iterable[Tensor],
    color_layers: Iterable[Tensor],
    steepness: float,
    scale: float,
    precision: Precision,
) -> tuple[Tensor, Tensor]:
    """Colours and densities; differentiable in `encoded` and in the layers.

    Args:
        encoded: (n, n_in) float32.
        directions: (n, 3) float32, unit.
        density_layers, color_layers: two networks' weights, see `core.fields.mlp.mlp`; the second's inputs are the
            first's outputs, followed by the 16 harmonics of a direction.
        steepness, scale: a density is scale * exp(steepness * the first feature), see `truncated_exp`.

    Returns:
        rgbs (n, 3), in [0, 1], and sigmas (n,), float32.
    """
    first, second = list(density_layers), list(color_layers)
    if encoded.device.type == "cpu":
        layers = Layers([], len(first), steepness, scale, multiplies_in_tiles(precision, encoded.device))
        sigmas, rgbs = _OnCPU.apply(encoded, directions, layers, *first, *second)
        return rgbs, sigmas
    features = mlp(encoded, first, precision)
    return colors_seen(features, directions, second, precision), densities_of(features, steepness, scale)


def loss_seen(
    encoded: Tensor,
    directions: Tensor,
    samples: Samples,
    background: Tensor,
    targets: Tensor,
    entropy: float,
    density_layers: Iterable[Tensor],
    color_layers: Iterable[Tensor],
    steepness: float,
    scale: float,
    precision: Precision,
) -> tuple[Tensor, Composited]:
    """The loss of pixels, and the pixels, see `core.fields.base.Field.pixel_loss`; the loss is
    differentiable in `encoded` and in the layers, the pixels are not, on a CPU.

    Args:
        encoded, directions, density_layers, color_layers, steepness, scale: see `radiance`.
        samples, background, targets, entropy: see `core.kernels.pixel_loss.pixel_loss`.
    """
    first, second = list(density_layers), list(color_layers)
    if encoded.device.type == "cpu":
        layers = Layers([], len(first), steepness, scale, multiplies_in_tiles(precision, encoded.device))
        given = _LossOnCPU.apply(encoded, directions, samples, background, targets, entropy, layers, *first, *second)
        return given[0], Composited(*given[1:])
    rgbs, sigmas = radiance(encoded, directions, first, second, steepness, scale, precision)
    pixels = composite(sigmas, rgbs, samples.t_starts, samples.t_ends, samples.packed_info, background)
    return color_loss(pixels.colors, targets, pixels.weights, entropy), pixels


def colors_seen(features: Tensor, directions: Tensor, layers: Iterable[Tensor], precision: Precision) -> Tensor:
    """Colours (n, 3) by a network from features (n, n_features) and the harmonics of directions (n, 3)."""
    return torch.sigmoid(mlp(beside_harmonics(features, directions), list(layers), precision))


def densities_of(features: Tensor, steepness: float, scale: float) -> Tensor:
    """Densities (n,) from features (n, n_features): scale * exp(steepness * the first feature)."""
    return scale * truncated_exp(steepness * features[:, 0])
