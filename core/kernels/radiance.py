"""All of a radiance field behind its encoding in one kernel forward and one backward, on the CPU.

A network makes features of what is encoded, another one colours of these beside the harmonics of a direction; the
first feature is a density's logarithm. In the terms of `core.kernels.network` both are one network of more layers, with
a junction between; one by one they are a dozen operations, which read and write all that goes from one to the next.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.network import prepared, sized_gradients, sizes_of, written
from core.kernels.runtime.launch import launch, made_once
from core.kernels.runtime.native import native_kernel


class Layers(NamedTuple):
    """What turns encoded positions and directions into densities and colours.

    Attributes:
        weights: one (n_out, n_in) float32 matrix a layer, of both networks; the second's first layer takes as many
            features as the first's last one gives, and then 16 harmonics.
        junction: layers of the first network, at least 1.
        steepness, scale: a density is scale * exp(steepness * the first feature).
        in_tiles: multiply in bfloat16, where `core.kernels.network.has_tiles`; else in float32.
    """

    weights: list[Tensor]
    junction: int
    steepness: float
    scale: float
    in_tiles: bool


def radiance_outputs(encoded: Tensor, directions: Tensor, layers: Layers) -> tuple[Tensor, Tensor]:
    """Densities and colours of encoded positions seen along directions.

    Args:
        encoded: (n, n_in) float32, on the CPU.
        directions: (n, 3) float32, unit.

    Returns:
        sigmas (n,) and rgbs (n, 3), float32.
    """
    sizes, encoded = sizes_of(layers.weights), encoded.contiguous()
    writer = written(sizes, layers.in_tiles, layers.junction)
    parts, matrices, scratch = prepared(encoded, layers.weights, writer)
    sigmas, rgbs = torch.empty(encoded.shape[0]), torch.empty(encoded.shape[0], sizes[-1])
    columns = [encoded.view(-1), directions.contiguous().view(-1), matrices, scratch, sigmas, rgbs.view(-1)]
    kernel = _kernel(sizes, layers.in_tiles, layers.junction, False)
    launch(kernel, (parts,), [parts, layers.steepness, layers.scale, *columns], grain=1)
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
    """The gradients of `radiance_outputs`, for those of the densities (n,) and of the colours (n, 3) that it gave.

    A density's is held finite as `core.fields.activations.truncated_exp` does.

    Returns:
        The encoded positions' gradients (n, n_in), or None where they aren't asked for; and those of each layer's
        weights.
    """
    sizes, encoded = sizes_of(layers.weights), encoded.contiguous()
    writer = written(sizes, layers.in_tiles, layers.junction)
    parts, matrices, scratch = prepared(encoded, layers.weights, writer)
    weight_grads = torch.zeros(parts, writer.n_gradients)
    input_grads = torch.empty_like(encoded) if wants_inputs else encoded[:0]
    given = [directions, rgbs, sigma_grads, rgb_grads]
    columns = [encoded.view(-1), *(x.contiguous().view(-1) for x in given), matrices, scratch]
    columns += [weight_grads.view(-1), input_grads.view(-1)]
    kernel = _kernel(sizes, layers.in_tiles, layers.junction, True)
    launch(kernel, (parts,), [parts, int(wants_inputs), layers.steepness, layers.scale, *columns], grain=1)
    return input_grads if wants_inputs else None, sized_gradients(weight_grads, writer)


@made_once
def _kernel(sizes: tuple[int, ...], in_tiles: bool, junction: int, backward: bool) -> wp.Kernel:
    writer = written(sizes, in_tiles, junction)
    products, way = "tiles" if in_tiles else "vectors", "back" if backward else "ahead"
    name = f"radiance_{'_'.join(map(str, sizes))}_at_{junction}_{products}_{way}"
    module = f"{__name__}.{name}"
    if backward:

        @native_kernel(writer.backward(), name=name, module=module)
        def kernel(
            part: wp.int32,
            n_parts: wp.int32,
            wants_inputs: wp.int32,
            steepness: wp.float32,
            scale: wp.float32,
            inputs: wp.array(dtype=wp.float32),
            directions: wp.array(dtype=wp.float32),
            outputs: wp.array(dtype=wp.float32),
            sigma_grads: wp.array(dtype=wp.float32),
            grads: wp.array(dtype=wp.float32),
            matrices: wp.array(dtype=wp.float32),
            scratch: wp.array(dtype=wp.float32),
            weight_grads: wp.array(dtype=wp.float32),
            input_grads: wp.array(dtype=wp.float32),
        ): ...

    else:

        @native_kernel(writer.forward(), name=name, module=module)
        def kernel(
            part: wp.int32,
            n_parts: wp.int32,
            steepness: wp.float32,
            scale: wp.float32,
            inputs: wp.array(dtype=wp.float32),
            directions: wp.array(dtype=wp.float32),
            matrices: wp.array(dtype=wp.float32),
            scratch: wp.array(dtype=wp.float32),
            sigmas: wp.array(dtype=wp.float32),
            outputs: wp.array(dtype=wp.float32),
        ): ...

    return kernel
