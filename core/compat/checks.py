"""What a compiled module would refuse, or read beyond: number formats, shapes and ranges of tensors."""

import torch
from torch import Tensor


def check_format(*numbers: Tensor, kind: torch.dtype = torch.float32) -> None:
    """Refuse tensors of another number format with a TypeError."""
    for x in numbers:
        if x.dtype != kind:
            raise TypeError(
                f"expected {kind}, found {x.dtype}: nerfacc's own kernels take nothing else; call .to({kind})"
            )


def check_shape(name: str, x: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse a tensor of another shape with a ValueError."""
    if tuple(x.shape) != shape:
        raise ValueError(f"expected {name} of shape {shape}, found {tuple(x.shape)}")


def check_packed(starts: Tensor, counts: Tensor, *values: Tensor) -> None:
    """Refuse rays that reach beyond their values, which is checked on the CPU only, as it would wait for a GPU.

    Args:
        starts, counts: (n_rays,) int64.
        values: (n,) float32 each.

    Raises:
        TypeError: another number format.
        ValueError: the counts have another shape than the starts, or a ray reaches beyond the values.
    """
    check_format(*values)
    check_format(starts, counts, kind=torch.int64)
    check_shape("the rays' counts", counts, tuple(starts.shape))
    n = min(x.shape[0] for x in values)
    last = int((starts + counts).max()) if starts.is_cpu and starts.shape[0] else 0
    if last > n:
        raise ValueError(f"expected packed_info of {n} values, found that of {last}: pack the rays of these values")
