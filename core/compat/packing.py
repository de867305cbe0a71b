"""nerfacc's `pack_info`, on any device."""

import torch
from torch import Tensor


@torch.no_grad()
def pack_info(ray_indices: Tensor, n_rays: int | None = None) -> Tensor:
    """The first sample and the number of samples of each ray, (n_rays, 2), in the indices' number format.

    nerfacc's own refuses tensors on the CPU.

    Args:
        ray_indices: (n_samples,) int64, ascending.
        n_rays: None: up to the last ray with a sample.

    Raises:
        ValueError: the indices have another shape, or one of them is not below `n_rays`.
    """
    if ray_indices.ndim != 1:
        raise ValueError(f"expected ray_indices of shape (n_samples,), found {tuple(ray_indices.shape)}")
    counts = torch.bincount(ray_indices, minlength=n_rays or 0).to(ray_indices.dtype)
    if n_rays is not None and counts.shape[0] > n_rays:
        raise ValueError(f"expected ray_indices below n_rays, {n_rays}, found {counts.shape[0] - 1}")
    return torch.stack([counts.cumsum(0, dtype=counts.dtype) - counts, counts], dim=-1)
