"""Everything in a radiance field behind its encoding: one kernel forward and one backward, on the CPU.

One network turns an encoded position into features, the first of which is the logarithm of the density; another one
turns these and the harmonics of a direction into a colour. For `core.kernels.network` both are one network with a
junction. As separate operations they would be a dozen, each of which reads and writes all activations.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.network import Network, network_of, prepared, room_for_gradients, sized_gradients
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch, made_once
from core.kernels.runtime.types import Float, Floats, Int


class Layers(NamedTuple):
    """Both networks' weights, and how a density follows from the first feature.

    Attributes:
        weights: one (n_out, n_in) float32 matrix for each layer of both networks; the second network's inputs are the
            first one's outputs, followed by 16 harmonics.
        junction: the number of the first network's layers, at least 1.
        steepness, scale: a density is scale * exp(steepness * the first feature).
        in_tiles: multiply in bfloat16, where `core.kernels.network.has_tiles`; else in float32.
    """

    weights: list[Tensor]
    junction: int
    steepness: float
    scale: float
    in_tiles: bool

    def network(self) -> Network:
        """The sizes of both networks, as those of one."""
        return network_of(self.weights, self.in_tiles, self.junction)


def radiance_outputs(encoded: Tensor, directions: Tensor, layers: Layers) -> tuple[Tensor, Tensor]:
    """Densities and colours for encoded positions and view directions.

    Args:
        encoded: (n, n_in) float32, on the CPU.
        directions: (n, 3) float32, unit.

    Returns:
        sigmas (n,) and rgbs (n, 3), float32.
    """
    network, encoded = layers.network(), encoded.contiguous()
    parts, matrices, scratch = prepared(encoded, layers.weights, network)
    sigmas, rgbs = torch.empty(encoded.shape[0]), torch.empty(encoded.shape[0], network.sizes[-1])
    columns = [encoded.view(-1), directions.contiguous().view(-1), matrices, scratch, sigmas, rgbs.view(-1)]
    launch(_ahead(network), (parts,), [parts, layers.steepness, layers.scale, *columns], grain=1)
    return sigmas, rgbs


def radiance_gradients(
    encoded: Tensor,
    directions: Tensor,
    rgbs: Tensor,
    sigma_grads: Tensor,
    rgb_grads: Tensor,
    layers: Layers,
    wants_inputs: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """The backward pass of `radiance_outputs`, with the density's gradient of `core.fields.activations.truncated_exp`.

    Args:
        encoded, directions, layers: as for the forward pass.
        rgbs: (n, 3) float32, its colours.
        sigma_grads, rgb_grads: (n,) and (n, 3) float32, gradients of its results.
        wants_inputs: whether to compute the gradient of `encoded`.

    Returns:
        The gradient of `encoded`, (n, n_in), or None; and those of each layer's weights.
    """
    network, encoded = layers.network(), encoded.contiguous()
    parts, matrices, scratch = prepared(encoded, layers.weights, network)
    weight_grads, input_grads = room_for_gradients(encoded, parts, network, wants_inputs)
    given = [directions, rgbs, sigma_grads, rgb_grads]
    columns = [encoded.view(-1), *(x.contiguous().view(-1) for x in given), matrices, scratch]
    columns += [weight_grads.view(-1), input_grads.view(-1)]
    launch(_back(network), (parts,), [parts, layers.steepness, layers.scale, *columns], grain=1)
    return input_grads if wants_inputs else None, sized_gradients(weight_grads, network)


@made_once
def _ahead(network: Network) -> wp.Kernel:
    name = f"radiance_{network.name}_ahead"
    call = f"radiance_ahead<{network.cpp}, {network.n_packed}>"

    @cpp_kernel("radiance.h", call, name=name, module=f"{__name__}.{name}")
    def kernel(
        part: Int,
        n_parts: Int,
        steepness: Float,
        scale: Float,
        inputs: Floats,
        directions: Floats,
        matrices: Floats,
        scratch: Floats,
        sigmas: Floats,
        rgbs: Floats,
    ): ...

    return kernel


@made_once
def _back(network: Network) -> wp.Kernel:
    name = f"radiance_{network.name}_back"
    call = f"radiance_back<{network.cpp}, {network.n_packed}, {network.gradients_at[-1]}>"

    @cpp_kernel("radiance.h", call, name=name, module=f"{__name__}.{name}")
    def kernel(
        part: Int,
        n_parts: Int,
        steepness: Float,
        scale: Float,
        inputs: Floats,
        directions: Floats,
        rgbs: Floats,
        sigma_grads: Floats,
        rgb_grads: Floats,
        matrices: Floats,
        scratch: Floats,
        weight_grads: Floats,
        input_grads: Floats,
    ): ...

    return kernel
