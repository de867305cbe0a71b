"""Real spherical harmonics of degrees 0 to 3, which encode the view direction in Instant-NGP (its "degree 4").

They are orthonormal over the sphere, with the constants and signs of Sloan, "Efficient spherical harmonic evaluation",
2013.
"""

import torch
from torch import Tensor

from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Floats, Int, Vec3s

N_HARMONICS = 16
"""Of degrees 0 to 3; `cpp/harmonics.h` says the same."""


@cpp_kernel("harmonics.h", "append_harmonics")
def _append_harmonics(i: Int, n_features: Int, features: Floats, directions: Vec3s, values: Floats): ...


class _BesideHarmonics(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features: Tensor, directions: Tensor) -> Tensor:
        n, ctx.n_features = features.shape
        values = torch.empty(n, ctx.n_features + N_HARMONICS, device=features.device)
        inputs = [ctx.n_features, features.contiguous().view(-1), directions, values.view(-1)]
        launch(_append_harmonics, (n,), inputs, grain=1 << 12)
        return values

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        return grad_outputs[0][:, : ctx.n_features], None


@replaceable("beside_harmonics")
def beside_harmonics(features: Tensor, directions: Tensor) -> Tensor:
    """Append the harmonics of directions to features; differentiable in the features.

    Args:
        features: (n, n_features) float32.
        directions: (n, 3) float32, unit.

    Returns:
        (n, n_features + 16) float32.
    """
    return _BesideHarmonics.apply(features, directions.contiguous())
