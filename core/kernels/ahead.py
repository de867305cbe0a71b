"""Kernels that every scene takes, compiled or loaded while the scene is still being read.

One thread does it, and more would not gain much: Warp compiles the headers of all kernels anew for each thread, which
takes as long as half a dozen kernels.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.kernels import entering, marching, packed_code, pixels, spherical_harmonics, upkeep, visibility
from core.kernels.launch import load_module

_FILES = pixels, entering, marching, packed_code, visibility, upkeep, spherical_harmonics


@contextmanager
def loading_kernels(device: str) -> Iterator[None]:
    """Load kernels by another thread meanwhile; at the end they are there.

    On CUDA each is loaded when it is asked for.
    """
    if device != "cpu":
        yield
        return
    is_given_up = threading.Event()

    def load() -> None:
        for file in _FILES:
            if not is_given_up.is_set():
                load_module(file.__name__, device)

    thread = threading.Thread(target=load, name="kernels")
    thread.start()
    try:
        yield
    except BaseException:
        is_given_up.set()
        raise
    finally:
        thread.join()
