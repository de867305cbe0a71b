"""Where the images of a dataset are while it is trained on: on the GPU, or on the host if they would fill it.

Trainers of one dataset, such as those of two methods that are compared, share one copy on the GPU.
"""

import weakref
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from core.datasets.dataset import Views
from core.kernels.runtime.gpu_memory import memory_left

_SHARE = 0.5
"""The share of the GPU's memory that is left which images may take: training and pictures need the rest."""

_copies = WeakTensorKeyDictionary()
"""Copies on the GPU of tensors on the host, as weak references: they live as long as a trainer has them."""


def views_on(device: str, views: Views) -> Views:
    """Views whose pixels are drawn onto a device.

    Their cameras are on it, and so are their images, unless they would take more than half of the GPU's memory that is
    left: then they stay where they are, and only the pixels that are drawn are copied.
    """
    images, used = views.images, views.used
    known = device == "cpu" or _copy_of(images) is not None
    if not known and views.nbytes > _SHARE * memory_left(device):
        return replace(views, cameras=views.cameras.to(device))
    used = None if used is None else _shared(used, device)
    return replace(views, cameras=views.cameras.to(device), images=_shared(images, device), used=used)


def why_on_host(views: Views) -> str | None:
    """A sentence for the user if images stay on the host though their cameras are on a GPU; else None."""
    device = views.cameras.c2w.device
    if views.images.device == device:
        return None
    needed, left = (f"{n / 1e9:.1f} GB" for n in (views.nbytes, memory_left(device)))
    return (
        f"The images need {needed}, {left} of the GPU's memory are free: they stay in the computer's, and steps take a "
        "little longer; --downscale 2 needs a quarter."
    )


def _shared(tensor: Tensor, device: str) -> Tensor:
    if torch.device(device).type == tensor.device.type:
        return tensor
    copy = _copy_of(tensor)
    if copy is None:
        copy = tensor.to(device)
        _copies[tensor] = weakref.ref(copy)
    return copy


def _copy_of(tensor: Tensor) -> Tensor | None:
    known = _copies.get(tensor)
    return None if known is None else known()
