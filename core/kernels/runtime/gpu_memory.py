"""The GPU's memory: how much is left, and work in pieces that fit.

How much a piece of work takes depends on the method, on what it has learnt and on where the camera is, so it isn't
predicted: each piece is measured, and the next ones are made as large as that allows. On the CPU nothing is measured.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

from core.errors import OutOfMemory

T = TypeVar("T")

SHARE = 0.6
"""The share of the memory that is left which one piece of work may take: others need some, and free memory lies in
fragments."""

_FIRST, _FEWEST = 1 << 11, 1 << 6
"""Rays of the first piece of a kind of work, and of the smallest that is tried. The first fits with any method: where a
driver moves what doesn't fit to the computer's memory, nothing is refused, and everything is slow."""

_GROWTH = 8
"""How many times as large as the last piece the next may be."""

_forgotten = 0
"""The most bytes in use before the allocator's own record was last reset."""


def memory_left(device: torch.device | str) -> int:
    """Bytes that can still be allocated on a GPU: free ones, and those that torch keeps for reuse."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def most_in_use(device: torch.device | str) -> int:
    """The most bytes that this process has had in use at a time on a GPU."""
    return max(_forgotten, torch.cuda.max_memory_allocated(device))


def sent(x: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; a GPU takes the host's from page-locked memory, so that nobody waits."""
    if x.device == device or device.type != "cuda":
        return x.to(device)
    return x.pin_memory().to(device, non_blocking=True)


class Taken:
    """What work took.

    Attributes:
        n_bytes: the most in use while it ran, beyond what was in use before.
    """

    n_bytes = 0


@contextmanager
def measured(device: torch.device | str) -> Iterator[Taken]:
    """Measures the memory of a GPU that the `with` block takes; blocks don't nest."""
    global _forgotten
    taken = Taken()
    before, _forgotten = torch.cuda.memory_allocated(device), most_in_use(device)
    torch.cuda.reset_peak_memory_stats(device)
    try:
        yield taken
    finally:
        taken.n_bytes = torch.cuda.max_memory_allocated(device) - before


def attempt(work: Callable[[], T]) -> tuple[T] | None:
    """The result of work, in a tuple; None if the GPU's memory didn't suffice, which is then tidied up."""
    try:
        return (work(),)
    except torch.OutOfMemoryError:
        pass  # the error's frames hold what was allocated: they are gone once this block is left
    torch.cuda.empty_cache()
    return None


class Fitting:
    """How many items (rays, samples) of one kind of work fit in the memory that is left, as far as is known.

    Attributes:
        n: items of the next piece, at most.
    """

    def __init__(self, first: int = _FIRST):
        self.n = first

    def run(self, work: Callable[[int], T], n: int, device: torch.device) -> tuple[T, int]:
        """Do work for as many of n items as fit; returns its result, and for how many.

        Args:
            work: takes the number of items. It may be called several times, and then counts once.

        Raises:
            OutOfMemory: even a few items don't fit.
        """
        size = min(n, self.n)
        budget = SHARE * memory_left(device)
        while True:
            with measured(device) as taken:
                found = attempt(lambda size=size: work(size))
            if found is not None:
                if 2 * size >= self.n:  # the rest of a picture says little about larger pieces
                    self.n = max(_FEWEST, int(size * min(_GROWTH, budget / max(1, taken.n_bytes))))
                return found[0], size
            if size <= _FEWEST:
                raise full(f"a piece of {size} rays doesn't fit")
            size = self.n = max(_FEWEST, size // 4)


_fitting: "weakref.WeakKeyDictionary[Any, Fitting]" = weakref.WeakKeyDictionary()


def fitting_of(worker: Any) -> Fitting:
    """What is known of the pieces that fit for one worker, such as a sampler; it is forgotten together with it."""
    return _fitting.setdefault(worker, Fitting())


def share_fitting(stand_in: Any, worker: Any) -> None:
    """Let one worker that stands in for another know and learn the same."""
    _fitting[stand_in] = fitting_of(worker)


def explained(error: Exception) -> Exception:
    """An error, in words for the user if it is torch's for a full GPU."""
    return full("more was needed") if isinstance(error, torch.OutOfMemoryError) else error


def full(what: str) -> OutOfMemory:
    """The error for a GPU whose memory doesn't suffice.

    Args:
        what: what doesn't fit, a clause.
    """
    free, total = (n / 1e9 for n in torch.cuda.mem_get_info())
    return OutOfMemory(
        f"the GPU's memory is full ({free:.1f} of {total:.1f} GB are free, and {what}): close other programs that use "
        "it, or use --downscale, a smaller field or --device cpu"
    )
