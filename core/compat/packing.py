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
    last = int(ray_indices[-1]) if ray_indices.shape[0] else -1
    if n_rays is not None and last >= n_rays:
        raise ValueError(f"expected ray_indices below n_rays, {n_rays}, found {last}")
    rays = torch.arange((last + 1 if n_rays is None else n_rays) + 1, device=ray_indices.device)
    firsts = torch.searchsorted(ray_indices, rays).to(ray_indices.dtype)
    return torch.stack([firsts[:-1], firsts.diff()], dim=-1)
