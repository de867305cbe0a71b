"""Real spherical harmonics of a direction, the view's encoding in Instant-NGP ("degree 4": degrees 0 to 3).

Orthonormal over the sphere; constants and signs as in Sloan, "Efficient spherical harmonic evaluation", 2013.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.launch import launch

N_HARMONICS = 16


@wp.kernel
def _harmonics(offset: wp.int32, directions: wp.array(dtype=wp.vec3f), values: wp.array2d(dtype=wp.float32)):
    i = wp.tid() + offset
    x = directions[i][0]
    y = directions[i][1]
    z = directions[i][2]
    xx = x * x
    yy = y * y
    zz = z * z
    values[i, 0] = 0.28209479177387814
    values[i, 1] = -0.48860251190291987 * y
    values[i, 2] = 0.48860251190291987 * z
    values[i, 3] = -0.48860251190291987 * x
    values[i, 4] = 1.0925484305920792 * x * y
    values[i, 5] = -1.0925484305920792 * y * z
    values[i, 6] = 0.31539156525252005 * (3.0 * zz - 1.0)
    values[i, 7] = -1.0925484305920792 * x * z
    values[i, 8] = 0.5462742152960396 * (xx - yy)
    values[i, 9] = 0.5900435899266435 * y * (yy - 3.0 * xx)
    values[i, 10] = 2.890611442640554 * x * y * z
    values[i, 11] = 0.4570457994644658 * y * (1.0 - 5.0 * zz)
    values[i, 12] = 0.3731763325901154 * z * (5.0 * zz - 3.0)
    values[i, 13] = 0.4570457994644658 * x * (1.0 - 5.0 * zz)
    values[i, 14] = 1.445305721320277 * z * (xx - yy)
    values[i, 15] = 0.5900435899266435 * x * (3.0 * yy - xx)


def spherical_harmonics(directions: Tensor) -> Tensor:
    """(n, 16) float32 of unit directions (n, 3) float32; not differentiable."""
    values = torch.empty(directions.shape[0], N_HARMONICS, device=directions.device)
    launch(_harmonics, (directions.shape[0],), [directions.contiguous(), values])
    return values
