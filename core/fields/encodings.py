"""Encodings and activations that fields share."""

import torch
from torch import Tensor


def spherical_harmonics(directions: Tensor) -> Tensor:
    """Real spherical harmonics of degrees 0 to 3 ("degree 4" in Instant-NGP), (n, 16), of unit directions (n, 3).

    Orthonormal over the sphere; constants and signs as in Sloan, "Efficient spherical harmonic evaluation", 2013.
    """
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    return torch.stack(
        [
            torch.full_like(x, 0.28209479177387814),
            -0.48860251190291987 * y,
            0.48860251190291987 * z,
            -0.48860251190291987 * x,
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (3.0 * zz - 1.0),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
            0.5900435899266435 * y * (yy - 3.0 * xx),
            2.890611442640554 * x * y * z,
            0.4570457994644658 * y * (1.0 - 5.0 * zz),
            0.3731763325901154 * z * (5.0 * zz - 3.0),
            0.4570457994644658 * x * (1.0 - 5.0 * zz),
            1.445305721320277 * z * (xx - yy),
            0.5900435899266435 * x * (3.0 * yy - xx),
        ],
        dim=-1,
    )


class _TruncatedExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx, grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads * torch.exp(x.clamp(-15.0, 15.0))


def truncated_exp(x: Tensor) -> Tensor:
    """exp whose gradient is held finite (torch-ngp, Instant-NGP): the argument is clamped to +-15 in the backward."""
    return _TruncatedExp.apply(x)
