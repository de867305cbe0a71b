"""Launches Warp kernels on torch tensors: split over threads on the CPU, on torch's current stream on CUDA.

A Warp launch on the CPU runs on the calling thread and releases the GIL, so a launch is cut into slices that run on a
thread pool; the networks' matrix products share the pool (`run_together`). Every kernel's first argument is `offset`,
an int: the slice's first index along the split axis, which the kernel adds to that axis of `wp.tid()`.
"""

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
import warp as wp

wp.config.log_level = wp.LOG_ERROR
wp.config.enable_backward = False


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Drop what native code writes to the process's standard error."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without a console has none
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


if torch.cuda.is_available():
    wp.init()
else:  # Warp would warn on every start that there is no CUDA driver; `doctor` says it when it is asked
    with _without_stderr():
        wp.init()

T = TypeVar("T")

_pool: ThreadPoolExecutor | None = None
_thread = threading.local()
making_kernels = threading.RLock()
"""Held while a kernel is made, compiled or loaded: Warp's modules bear one thread at that."""
_n_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(n: int) -> None:
    """Size the pool that shares out all work on the CPU.

    torch's own pool stays at one thread: its barriers spin, and on a busy machine a step then takes ten times as long.
    """
    global _pool, _n_threads
    if n < 1:
        raise ValueError(f"threads must be at least 1, got {n}")
    torch.set_num_threads(1)
    # Gradients of saturated colours are denormal, and ten times as slow; threads made from here on inherit this.
    torch.set_flush_denormal(True)
    _n_threads = n
    if _pool is not None:
        _pool.shutdown()
    _pool = ThreadPoolExecutor(n - 1, thread_name_prefix="slice") if n > 1 else None


@contextmanager
def using_threads(n: int) -> Iterator[None]:
    """Size the pool for a while."""
    before = _n_threads
    set_threads(n)
    try:
        yield
    finally:
        set_threads(before)


def n_threads() -> int:
    """Threads that work on the CPU is split over."""
    return _n_threads


def lanes_on(device: torch.device) -> int:
    """How many independent parts work on a device is best cut into: one a thread on the CPU, unless the caller is a
    part already."""
    return _n_threads if device.type == "cpu" and not _is_sharing() else 1


def launch(kernel: wp.Kernel, dim: tuple[int, ...], inputs: list, split_axis: int = 0, grain: int = 1 << 13) -> None:
    """Run `kernel` over the index space `dim`.

    Args:
        inputs: the kernel's arguments after `offset`; torch tensors are passed without a copy and must be contiguous,
            vectors must be fresh ones, for recorded launches reuse them.
        split_axis: the axis along which slices write to disjoint memory.
        grain: work items that are worth a thread of their own, some tenths of a millisecond.
    """
    if 0 in dim:
        return
    tensors = [x for x in inputs if isinstance(x, torch.Tensor)]
    device = tensors[0].device
    arguments = [_as_warp(x, arg.type) for x, arg in zip(inputs, kernel.adj.args[1:], strict=True)]
    plain = [x.__ctype__() if hasattr(x, "__ctype__") else x for x in arguments]
    if device.type == "cuda":
        (command,) = _commands(kernel, 1, dim, arguments, f"cuda:{device.index}")
        command.set_dim(dim)
        command.set_params_from_ctypes([0, *plain])
        command.launch(_stream(device.index, torch.cuda.current_stream(device).cuda_stream))
        return

    n = dim[split_axis]
    n_slices = max(1, min(lanes_on(device), n, math.prod(dim) // grain))
    bounds = [n * i // n_slices for i in range(n_slices + 1)]
    commands = _commands(kernel, n_slices, dim, arguments, "cpu")
    for command, first, last in zip(commands, bounds[:-1], bounds[1:], strict=True):
        command.set_dim((*dim[:split_axis], last - first, *dim[split_axis + 1 :]))
        command.set_params_from_ctypes([first, *plain])
    run_together([command.launch for command in commands])


def _commands(kernel: wp.Kernel, n: int, dim: tuple[int, ...], arguments: list, device: str) -> list[wp.Launch]:
    """This thread's recorded launches of a kernel, to be filled and replayed: far quicker than to launch anew."""
    commands = _thread.__dict__.setdefault("commands", {}).setdefault((kernel, device), [])
    while len(commands) < n:
        with making_kernels:  # the first one compiles or loads the kernel, which threads must not do together
            commands.append(wp.launch(kernel, dim, [0, *arguments], device=device, record_cmd=True))
    return commands[:n]


@cache
def _stream(device: int, handle: int) -> wp.Stream:
    """One of torch's streams as Warp's; torch has few, and they live as long as the process."""
    return wp.Stream(f"cuda:{device}", cuda_stream=handle)


def run_together(tasks: list[Callable[[], T]]) -> list[T]:
    """Run tasks that release the GIL at the same time, on the pool and on the calling thread; results in order.

    What a task itself would share out runs on the task's own thread: a pool that waits for itself would never end.
    Tasks have the caller's gradient mode, which belongs to a thread.
    """
    if _pool is None or len(tasks) == 1 or _is_sharing():
        return [task() for task in tasks]
    waiting = iter(enumerate(tasks))
    results: list = [None] * len(tasks)
    learning = torch.is_grad_enabled()

    def work() -> None:
        _thread.is_sharing = True
        try:
            with torch.set_grad_enabled(learning):
                for i, task in waiting:
                    results[i] = task()
        finally:
            _thread.is_sharing = False

    others = [_pool.submit(work) for _ in range(min(_n_threads, len(tasks)) - 1)]
    try:
        work()
    finally:  # no task may go on with what belongs to the caller
        deque(waiting, maxlen=0)
        wait(others)
    for other in others:
        other.result()
    return results


def _is_sharing() -> bool:
    """Whether this thread works on one of several tasks already."""
    return getattr(_thread, "is_sharing", False)


def _as_warp(value, arg_type):
    if isinstance(value, torch.Tensor):
        return wp.from_torch(value.detach(), dtype=arg_type.dtype, return_ctype=True)
    return value


set_threads(_n_threads)
