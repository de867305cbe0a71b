"""Real spherical harmonics of a direction, the view's encoding in Instant-NGP ("degree 4": degrees 0 to 3).

Orthonormal over the sphere; constants and signs as in Sloan, "Efficient spherical harmonic evaluation", 2013.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.runtime.launch import launch
from core.kernels.runtime.native import native_kernel

N_HARMONICS = 16


# What they are made of may be numbers or vectors of them: a vector can't be made of a number, but added to it.
_HARMONICS = """
    const NUMBER zero = {};
    const NUMBER xx = x * x, yy = y * y, zz = z * z;
    harmonics[0] = zero + 0.28209479177387814f;
    harmonics[1] = -0.48860251190291987f * y;
    harmonics[2] = 0.48860251190291987f * z;
    harmonics[3] = -0.48860251190291987f * x;
    harmonics[4] = 1.0925484305920792f * x * y;
    harmonics[5] = -1.0925484305920792f * y * z;
    harmonics[6] = 0.31539156525252005f * (3.0f * zz - 1.0f);
    harmonics[7] = -1.0925484305920792f * x * z;
    harmonics[8] = 0.5462742152960396f * (xx - yy);
    harmonics[9] = 0.5900435899266435f * y * (yy - 3.0f * xx);
    harmonics[10] = 2.890611442640554f * x * y * z;
    harmonics[11] = 0.4570457994644658f * y * (1.0f - 5.0f * zz);
    harmonics[12] = 0.3731763325901154f * z * (5.0f * zz - 3.0f);
    harmonics[13] = 0.4570457994644658f * x * (1.0f - 5.0f * zz);
    harmonics[14] = 1.445305721320277f * z * (xx - yy);
    harmonics[15] = 0.5900435899266435f * x * (3.0f * yy - xx);
"""


def harmonics_code(number: str) -> str:
    """C++ that fills the array `harmonics` for `x`, `y` and `z`, numbers or vectors of the type with that name."""
    return _HARMONICS.replace("NUMBER", number)


# A sample's row is written as a whole: one number after the other takes three times as long.
_ROW = f"""
    const wp::vec3f& direction = directions.data[i];
    const float x = direction[0], y = direction[1], z = direction[2];
    float harmonics[16];{harmonics_code("float")}
    float* row = values.data + (size_t)i * (n_features + 16);
    for (int k = 0; k < n_features; ++k)
        row[k] = features.data[(size_t)i * n_features + k];
    for (int k = 0; k < 16; ++k)
        row[n_features + k] = harmonics[k];
"""


@native_kernel(_ROW)
def _beside_harmonics(
    i: wp.int32,
    n_features: wp.int32,
    features: wp.array(dtype=wp.float32),
    directions: wp.array(dtype=wp.vec3f),
    values: wp.array(dtype=wp.float32),
): ...


class _BesideHarmonics(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features: Tensor, directions: Tensor) -> Tensor:
        n, ctx.n_features = features.shape
        values = torch.empty(n, ctx.n_features + N_HARMONICS, device=features.device)
        inputs = [ctx.n_features, features.contiguous().view(-1), directions, values.view(-1)]
        launch(_beside_harmonics, (n,), inputs, grain=1 << 12)
        return values

    @staticmethod
    def backward(ctx, grads: Tensor):
        return grads[:, : ctx.n_features], None


def beside_harmonics(features: Tensor, directions: Tensor) -> Tensor:
    """Features with the harmonics of a direction behind them; differentiable in the features.

    Args:
        features: (n, n_features) float32.
        directions: (n, 3) float32, unit.

    Returns:
        (n, n_features + 16) float32.
    """
    return _BesideHarmonics.apply(features, directions.contiguous())
