"""Real spherical harmonics of a direction, the view's encoding in Instant-NGP ("degree 4": degrees 0 to 3).

Orthonormal over the sphere; constants and signs as in Sloan, "Efficient spherical harmonic evaluation", 2013.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.launch import launch

N_HARMONICS = 16


@wp.kernel
def _beside_harmonics(
    offset: wp.int32,
    features: wp.array2d(dtype=wp.float32),
    directions: wp.array(dtype=wp.vec3f),
    values: wp.array2d(dtype=wp.float32),
):
    i = wp.tid() + offset
    n = features.shape[1]
    for j in range(n):
        values[i, j] = features[i, j]
    x = directions[i][0]
    y = directions[i][1]
    z = directions[i][2]
    xx = x * x
    yy = y * y
    zz = z * z
    values[i, n] = 0.28209479177387814
    values[i, n + 1] = -0.48860251190291987 * y
    values[i, n + 2] = 0.48860251190291987 * z
    values[i, n + 3] = -0.48860251190291987 * x
    values[i, n + 4] = 1.0925484305920792 * x * y
    values[i, n + 5] = -1.0925484305920792 * y * z
    values[i, n + 6] = 0.31539156525252005 * (3.0 * zz - 1.0)
    values[i, n + 7] = -1.0925484305920792 * x * z
    values[i, n + 8] = 0.5462742152960396 * (xx - yy)
    values[i, n + 9] = 0.5900435899266435 * y * (yy - 3.0 * xx)
    values[i, n + 10] = 2.890611442640554 * x * y * z
    values[i, n + 11] = 0.4570457994644658 * y * (1.0 - 5.0 * zz)
    values[i, n + 12] = 0.3731763325901154 * z * (5.0 * zz - 3.0)
    values[i, n + 13] = 0.4570457994644658 * x * (1.0 - 5.0 * zz)
    values[i, n + 14] = 1.445305721320277 * z * (xx - yy)
    values[i, n + 15] = 0.5900435899266435 * x * (3.0 * yy - xx)


class _BesideHarmonics(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features: Tensor, directions: Tensor) -> Tensor:
        n, ctx.n_features = features.shape
        values = torch.empty(n, ctx.n_features + N_HARMONICS, device=features.device)
        launch(_beside_harmonics, (n,), [features, directions, values])
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
