"""The backend that marches and sums on CUDA: Warp's kernels by default, or nerfacc's. One choice for the process.

Only marching and the rendering weights ask for it; no other code depends on the backend.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from torch import Tensor

from core.kernels.nerfacc.kernels import NerfaccKernels


class Backend(NamedTuple):
    """A backend and why it was chosen.

    Attributes:
        nerfacc: nerfacc's kernels if the name is "nerfacc", else None.
    """

    name: Literal["warp", "nerfacc"]
    reason: str
    nerfacc: NerfaccKernels | None = None


_current = Backend("warp", "the default")


def current() -> Backend:
    return _current


def use(backend: Backend) -> None:
    """Make this the backend from now on."""
    global _current
    _current = backend


@contextmanager
def using(backend: Backend) -> Iterator[None]:
    """Make this the backend inside the `with` block."""
    before = current()
    use(backend)
    try:
        yield
    finally:
        use(before)


def nerfacc_for(tensor: Tensor) -> NerfaccKernels | None:
    """nerfacc's kernels if they are the backend and take tensors on this one's device, else None."""
    kernels = _current.nerfacc
    return kernels if kernels is not None and kernels.take(tensor) else None
