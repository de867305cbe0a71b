"""Whose kernels march and sum on CUDA: Warp's, or nerfacc's where they were chosen. One choice for the process.

Marches and weights ask here which kernels to use; nothing else knows that there are two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from torch import Tensor

from core.kernels.nerfacc.kernels import NerfaccKernels


class Backend(NamedTuple):
    """Kernels, and why these.

    Attributes:
        nerfacc: nerfacc's, for the name "nerfacc"; Warp's need nothing.
    """

    name: Literal["warp", "nerfacc"]
    reason: str
    nerfacc: NerfaccKernels | None = None


_current = Backend("warp", "the default")


def current() -> Backend:
    return _current


def use(backend: Backend) -> None:
    """March and sum with these kernels from now on."""
    global _current
    _current = backend


@contextmanager
def using(backend: Backend) -> Iterator[None]:
    """March and sum with these kernels for a while."""
    before = current()
    use(backend)
    try:
        yield
    finally:
        use(before)


def nerfacc_for(tensor: Tensor) -> NerfaccKernels | None:
    """nerfacc's kernels, if they are in use and take tensors that lie where this one does."""
    kernels = _current.nerfacc
    return kernels if kernels is not None and kernels.take(tensor) else None
