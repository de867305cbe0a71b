"""Firstlight's engine: datasets, kernels, fields, samplers, rendering and training. It knows no window.

Importing it shapes the process once, before torch loads its thread pools (measured on two cores, see
tests/benchmarks/RESULTS.md):

- libgomp's waiting threads give their core back after a short spin. torch's and Warp's pools take turns, and a
  thread that spins for milliseconds after each parallel region steals the core from the other pool.
- glibc keeps freed blocks instead of returning them to the system: activations of a few megabytes are allocated
  and freed a hundred times a second, and page faults would cost more than the matrix products they feed.
"""

import ctypes
import os
import sys

os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def _keep_freed_memory() -> None:
    """Tell glibc to serve blocks up to 1 GiB from its heap; other C libraries are left as they are."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


_keep_freed_memory()
