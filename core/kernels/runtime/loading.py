"""Compiles and loads kernels, those of several modules at the same time on several threads.

Warp parses its own headers once for all modules of a process, which takes as long as compiling four of these: they are
precompiled into a folder that all threads share, and on a first start beside the import of torch, which this module
doesn't need.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import warp as wp
from warp._src import context

from core.kernels.runtime.cpp import build_options
from core.process import limited_to_avx2

BLOCK = 256
"""Threads per block on CUDA, unless a launch says otherwise. A module is compiled for it, on the CPU too."""

making_kernels = threading.RLock()
"""Held while Warp initialises, and while a kernel is made or its launch recorded: none is thread-safe in Warp."""

_compiling_first = threading.Lock()
"""Held by the thread whose module is the first to be compiled, and which precompiles Warp's headers with it."""

_modules: dict[wp.Module, threading.Lock] = {}
"""Locks of modules, each held while its module is compiled or loaded."""


@cache
def configure_warp() -> None:
    """Have Warp log errors only, and compile for the instructions that this process is limited to."""
    wp.config.log_level = wp.LOG_ERROR
    if limited_to_avx2() and wp.config.cpu_compiler_flags is not None:
        flags = ("-target-cpu x86-64-v3" if x == "-march=native" else x for x in wp.config.cpu_compiler_flags.split())
        wp.config.cpu_compiler_flags = " ".join(flags)


def start_quietly() -> None:
    """Initialise Warp without its warning that there is no CUDA driver; `doctor` reports that on request."""
    with making_kernels, without_stderr():
        wp.init()


@contextmanager
def without_stderr() -> Iterator[None]:
    """Discard what native code writes to the process's standard error."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without a console has no standard error
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def load_kernel(kernel: wp.Kernel, alias: str, block: int) -> None:
    """Compile or load the module of a kernel, unless it is loaded. Several threads may do so at once; those that need
    the same module wait for the first.

    Args:
        alias: the device's name in Warp, which is initialised.
        block: threads per block of the launch.
    """
    with making_kernels:
        lock = _modules.setdefault(kernel.module, threading.Lock())
    # by thread, as Warp keeps them: see `_get_or_create_pch_dir` in `warp/_src/context.py` of Warp 1.19.0
    context.runtime._pch_dirs.setdefault(threading.get_ident(), _header_folder())
    with lock, nullcontext() if _has_header() else _compiling_first:
        wp.force_load(alias, [kernel.module], block)


def precompile_header() -> None:
    """Compile an empty kernel, and Warp's headers with it, if no kernel was ever compiled here and none will run on
    CUDA. It takes two seconds, in which other threads run."""
    configure_warp()
    start_quietly()
    wp.get_module(__name__).options["extra_build_options"] = build_options([])  # another header else
    if not wp.is_cuda_available() and not os.listdir(wp.config.kernel_cache_dir):
        load_kernel(_nothing, "cpu", BLOCK)


def _has_header() -> bool:
    return any(Path(_header_folder().name).glob("*.pch"))


@cache
def _header_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="firstlight_headers_")


def _make_nothing() -> None:
    wp.tid()


_nothing = wp.Kernel(_make_nothing, key="nothing", options={"enable_backward": False})
