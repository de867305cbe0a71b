"""Sums and products along rays of packed values, with the gradients of products.

A ray's values are `values[start : start + count]`; values of no ray get 0. Totals are kept in double, so that long rays
lose nothing, and gradients of products are exact where values are 0.
"""

import torch
import warp as wp
from torch import Tensor

from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.types import Bool, Floats, Int, LongInts

_GRAIN = 1 << 8
"""Rays that justify one more thread: they may be long."""


def _scan_kernel(is_product: bool, inclusive: bool, backward: bool) -> wp.Kernel:
    flags = ", ".join(str(flag).lower() for flag in (is_product, inclusive, backward))

    @cpp_kernel("packed_scan.h", f"scan<{flags}>", name=f"scan_{is_product:d}{inclusive:d}{backward:d}")
    def kernel(ray: Int, starts: LongInts, counts: LongInts, normalize: Bool, values: Floats, totals: Floats): ...

    return kernel


def _back_kernel(inclusive: bool) -> wp.Kernel:
    @cpp_kernel("packed_scan.h", f"products_back<{str(inclusive).lower()}>", name=f"products_back_{inclusive:d}")
    def kernel(
        ray: Int,
        starts: LongInts,
        counts: LongInts,
        values: Floats,
        products: Floats,
        product_grads: Floats,
        value_grads: Floats,
    ): ...

    return kernel


_SUMS = {
    (inclusive, back): _scan_kernel(False, inclusive, back) for inclusive in (True, False) for back in (True, False)
}
_PRODUCTS = {inclusive: _scan_kernel(True, inclusive, False) for inclusive in (True, False)}
_PRODUCTS_BACK = {inclusive: _back_kernel(inclusive) for inclusive in (True, False)}


def packed_sums(
    starts: Tensor,
    counts: Tensor,
    values: Tensor,
    inclusive: bool,
    normalize: bool = False,
    from_the_end: bool = False,
) -> Tensor:
    """Sums along rays up to each value, (n,) float32.

    Args:
        starts, counts: (n_rays,) int64.
        values: (n,) float32.
        inclusive: whether a value's sum contains it.
        normalize: divide by the ray's total, at least 1e-10.
        from_the_end: sum from the ray's end, as gradients are summed.
    """
    sums = torch.zeros_like(values)
    launch(_SUMS[inclusive, from_the_end], (starts.shape[0],), [starts, counts, normalize, values, sums], grain=_GRAIN)
    return sums


def packed_products(starts: Tensor, counts: Tensor, values: Tensor, inclusive: bool) -> Tensor:
    """Products along rays up to each value, (n,) float32; see `packed_sums`."""
    products = torch.zeros_like(values)
    launch(_PRODUCTS[inclusive], (starts.shape[0],), [starts, counts, False, values, products], grain=_GRAIN)
    return products


def packed_product_grads(
    starts: Tensor, counts: Tensor, values: Tensor, products: Tensor, product_grads: Tensor, inclusive: bool
) -> Tensor:
    """Gradients (n,) of the values that `packed_products` multiplied, from those of its products."""
    grads = torch.zeros_like(values)
    inputs = [starts, counts, values, products, product_grads, grads]
    launch(_PRODUCTS_BACK[inclusive], (starts.shape[0],), inputs, grain=_GRAIN)
    return grads
