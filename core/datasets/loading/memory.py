"""How much memory there is for images, and by how much they must be reduced to fit."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

_SHARE = 0.7
"""The share of free memory that images may take: decoding, training and the window need some too."""

_MOST_READERS = 8
_DECODED_BYTES = 12
"""Bytes that a reader needs per full-size pixel: Pillow's four, a copy, and sums over some rows."""

_CGROUP = Path("/sys/fs/cgroup")


class Sized(Protocol):
    """Anything with a size in pixels."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


def free_memory() -> int | None:
    """Bytes of memory that can be used without swapping, or None where the system doesn't tell."""
    known = [free for free in (_free_of_machine(), _free_of_container()) if free is not None]
    return min(known, default=None)


def _free_of_machine() -> int | None:
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _free_of_container() -> int | None:
    """The memory that a Linux control group leaves; None without a limit."""
    try:
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        kept = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group, or its limit is the word "max"
        return None
    return max(0, limit - used + int(kept.get("inactive_file", 0)))


def n_readers(pictures: Sequence[Sized]) -> int:
    """How many threads may decode pictures at once: one per processor, if that many full-size pictures fit in memory
    beside the images; at least two if there is more than one picture."""
    most = min(_MOST_READERS, max(2, os.cpu_count() or 2), max(1, len(pictures)))
    largest = max((picture.width * picture.height for picture in pictures), default=0)
    free = free_memory()
    if free is None or not largest:
        return most
    return max(min(2, most), min(most, int((1.0 - _SHARE) * free / (_DECODED_BYTES * largest))))


def find_downscale(pictures: Iterable[Sized], bytes_per_pixel: int, downscale: int) -> tuple[int, tuple[str, ...]]:
    """The factor to reduce pictures by: the one asked for, times the smallest whole factor with which they fit in free
    memory; and a note if the latter isn't 1.

    If nothing fits, it is the largest factor that leaves the smallest picture a pixel.
    """
    sizes, free = Counter((picture.width, picture.height) for picture in pictures), free_memory()

    def needed(factor: int) -> int:
        return bytes_per_pixel * sum((w // factor) * (h // factor) * n for (w, h), n in sizes.items())

    if free is None or needed(downscale) <= _SHARE * free:
        return downscale, ()
    most = max(1, min(min(size) for size in sizes) // downscale)
    fitting = (factor for factor in range(2, most) if needed(downscale * factor) <= _SHARE * free)
    factor = downscale * next(fitting, most)
    if factor == downscale:
        return downscale, ()
    return factor, (
        f"The images need {needed(downscale) / 1e9:.3g} GB, {free / 1e9:.3g} GB are free: they are read reduced by "
        f"{factor}, as with --downscale {factor}; close other programs to keep more detail.",
    )
