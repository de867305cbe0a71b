"""Launches Warp kernels on torch tensors: split over threads on the CPU, on torch's current stream on CUDA.

On the CPU a Warp launch runs on the calling thread and releases the GIL, so a launch is cut into slices that run on a
thread pool; the networks' matrix products share the pool (`run_together`). Every kernel's first argument is `offset`,
an int: the slice's first index along the split axis, which the kernel adds to that axis of `wp.tid()`.
"""

import atexit
import ctypes
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import TypeVar

import torch
import warp as wp
from torch import Tensor

from core.kernels.runtime.loading import BLOCK, configure_warp, load_kernel, making_kernels, start_quietly
from core.kernels.runtime.recorded import OnCpu, OnCuda, check_device
from core.kernels.runtime.workers import Workers, is_sharing
from core.process import Configuration, available_cores, when_configured


@cache
def start_warp() -> None:
    """Initialise Warp once. Code that makes Warp arrays before the first launch must call it."""
    with making_kernels:
        if torch.cuda.is_available():
            wp.init()
        else:
            start_quietly()


T = TypeVar("T")

_workers: Workers | None = None
_n_threads = 1  # until the process is configured: importing starts no threads


def made_once(make: Callable[..., T]) -> Callable[..., T]:
    """Thread-safe `functools.cache` for functions that make kernels or parts of them: the threads that render an image
    call them at the same time."""
    cached = cache(make)

    @wraps(make)
    def locked(*args) -> T:
        with making_kernels:
            return cached(*args)

    return locked


def set_threads(n: int) -> None:
    """Set the size of the pool that all CPU work is split over, the calling thread included."""
    global _workers, _n_threads
    if n < 1:
        raise ValueError(f"threads must be at least 1, got {n}")
    _n_threads = n
    _end_workers()
    _workers = Workers(n - 1) if n > 1 else None


def _configure(configuration: Configuration) -> None:
    """Configure torch, Warp and the pool; see `core.process.configure`."""
    configure_warp()
    if configuration.torch_threads is not None:
        torch.set_num_threads(configuration.torch_threads)
    # Gradients of saturated colours are denormal, and ten times as slow; threads started from now on inherit this.
    torch.set_flush_denormal(True)
    set_threads(configuration.threads or available_cores())


@atexit.register
def _end_workers() -> None:  # at exit too: no thread may wake up while the interpreter shuts down
    if _workers is not None:
        _workers.close()


@contextmanager
def using_threads(n: int) -> Iterator[None]:
    """Set the size of the pool inside the `with` block."""
    before = _n_threads
    set_threads(n)
    try:
        yield
    finally:
        set_threads(before)


def n_threads() -> int:
    """Number of threads that CPU work is split over."""
    return _n_threads


def lanes_on(device: torch.device) -> int:
    """How many independent parts to cut work on a device into: one per thread on the CPU, but 1 if the caller is such a
    part itself."""
    return _n_threads if device.type == "cpu" and not is_sharing() else 1


def run_together(tasks: list[Callable[[], T]]) -> list[T]:
    """Run tasks that release the GIL at the same time, on the pool and on the calling thread; results in order.

    Work that a task would split itself runs on the task's own thread: a pool that waits for itself would deadlock.
    Tasks run in the caller's gradient mode, which torch keeps per thread. After a failure no further task starts; the
    first failure is raised once no task is running.
    """
    workers = _workers
    if workers is None or len(tasks) == 1 or is_sharing():
        return [task() for task in tasks]
    return workers.run(tasks)


_tell_loading: Callable[[str | None], None] | None = None


@contextmanager
def telling_loads(tell: Callable[[str | None], None]) -> Iterator[None]:
    """Have `tell` called inside the `with` block with a kernel's name before its first launch on a device, when it is
    compiled or loaded, and with None after it. What it raises ends the launch."""
    global _tell_loading
    before, _tell_loading = _tell_loading, tell
    try:
        yield
    finally:
        _tell_loading = before


class _Here(threading.local):
    def __init__(self):
        self.recorded: dict[tuple[wp.Kernel, torch.device], OnCpu | OnCuda] = {}


_here = _Here()
"""The recorded launches of this thread: each thread fills in its own arguments."""


def launch(
    kernel: wp.Kernel,
    dim: tuple[int, ...],
    inputs: list,
    split_axis: int = 0,
    grain: int = 1 << 12,
    slices_a_thread: int = 1,
    block: int = BLOCK,
) -> None:
    """Run `kernel` over the index space `dim`, whose axes are those of its `wp.tid()`.

    Args:
        inputs: the kernel's arguments after `offset`; torch tensors are passed without a copy, and must be contiguous
            where the kernel reads them by address. Vectors and structs must not be changed after they were passed.
        split_axis: the axis along which slices write to disjoint memory.
        grain: work items that are worth a thread of their own: about 0.1 ms of work, as handing work to another thread
            takes a fifth of that.
        slices_a_thread: more than one if equal slices take unequal time.
        block: threads per block on CUDA, the same in all launches of a kernel.
    """
    if 0 in dim:
        return
    device = _device_of(inputs)
    recorded = _here.recorded.get((kernel, device))
    if recorded is None:
        recorded = _here.recorded[kernel, device] = _record(kernel, dim, inputs, device, block)
    if isinstance(recorded, OnCuda):
        recorded.launch(dim, inputs, _stream(device.index, torch.cuda.current_stream(device).cuda_stream))
        return
    n_slices = 1 if is_sharing() else max(1, min(_n_threads, math.prod(dim) // grain))
    if n_slices > 1:
        n_slices = min(n_slices * slices_a_thread, dim[split_axis])
    run_together(recorded.slices(dim, inputs, split_axis, n_slices))


def launch_runs(
    kernel: wp.Kernel,
    dim: tuple[int, ...],
    length: int,
    inputs: list,
    split_axis: int = 0,
    grain: int = 1 << 4,
    slices_a_thread: int = 1,
) -> None:
    """Run a kernel over runs of items: on the CPU a thread works through `length` items, one after the other or several
    at a time in SIMD registers; on CUDA, where every item has its own thread, a run is a single item.

    Args:
        kernel: takes `offset`, the length of a run, and then `inputs`, see `core.kernels.runtime.cpp`.
        dim: items along each axis; the last axis is cut into runs, the last of which may be shorter.
        inputs, split_axis, slices_a_thread: see `launch`.
        grain: runs that are worth a thread of their own, see `launch`.
    """
    run = length if _device_of(inputs).type == "cpu" else 1
    launch(kernel, (*dim[:-1], -(-dim[-1] // run)), [run, *inputs], split_axis, grain, slices_a_thread)


def _device_of(inputs: list) -> torch.device:
    for x in inputs:
        if isinstance(x, Tensor):
            return x.device
    raise ValueError("a launch needs at least one tensor among its inputs, to know its device; got none")


def _record(kernel: wp.Kernel, dim: tuple[int, ...], inputs: list, device: torch.device, block: int) -> OnCpu | OnCuda:
    alias = f"cuda:{device.index}" if device.type == "cuda" else "cpu"
    for i, value in enumerate(inputs):
        check_device(kernel, i, value, device.type == "cuda")
    if _tell_loading is not None:
        _tell_loading(kernel.key)
    start_warp()
    load_kernel(kernel, alias, block)
    with making_kernels:
        arguments = [_as_warp(x, arg.type) for x, arg in zip(inputs, kernel.adj.args[1:], strict=True)]
        command = wp.launch(kernel, dim, [0, *arguments], device=alias, record_cmd=True, block_dim=block)
    if _tell_loading is not None:
        _tell_loading(None)
    assert isinstance(command, wp.Launch)  # which `record_cmd` returns
    return OnCuda(command) if device.type == "cuda" else OnCpu(command)


def _as_warp(value, kind):
    if isinstance(value, Tensor):
        return wp.from_torch(value.detach(), dtype=kind.dtype)
    # a recorded launch overwrites its first vector with later ones, and the caller may still use it
    return type(value).from_buffer_copy(value) if isinstance(value, ctypes.Array) else value


@cache
def _stream(device: int, handle: int) -> wp.Stream:
    """A torch stream as a Warp stream; torch has only a few, and they live as long as the process."""
    return wp.Stream(f"cuda:{device}", cuda_stream=handle)


when_configured(_configure)
