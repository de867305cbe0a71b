"""Launches Warp kernels on torch tensors: split over threads on the CPU, on torch's current stream on CUDA.

A Warp launch on the CPU runs on the calling thread and releases the GIL, so a launch is cut into slices that run on a
thread pool; the networks' matrix products share the pool (`run_together`). Every kernel's first argument is `offset`,
an int: the slice's first index along the split axis, which the kernel adds to that axis of `wp.tid()`.
"""

import atexit
import ctypes
import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import TypeVar

import torch
import warp as wp

from core.kernels.workers import Workers, is_sharing

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

_workers: Workers | None = None
_thread = threading.local()
making_kernels = threading.RLock()
"""Held while a kernel is made, compiled or loaded: Warp's modules bear one thread at that."""
_n_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(n: int) -> None:
    """Size the pool that shares out all work on the CPU.

    torch's own pool stays at one thread: its barriers spin, and on a busy machine a step then takes ten times as long.
    """
    global _workers, _n_threads
    if n < 1:
        raise ValueError(f"threads must be at least 1, got {n}")
    torch.set_num_threads(1)
    # Gradients of saturated colours are denormal, and ten times as slow; threads made from here on inherit this.
    torch.set_flush_denormal(True)
    _n_threads = n
    _end_workers()
    _workers = Workers(n - 1) if n > 1 else None


@atexit.register
def _end_workers() -> None:  # at exit too: none may wake up in an interpreter that is being taken down
    if _workers is not None:
        _workers.close()


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
    return _n_threads if device.type == "cpu" and not is_sharing() else 1


def run_together(tasks: list[Callable[[], T]]) -> list[T]:
    """Run tasks that release the GIL at the same time, on the pool and on the calling thread; results in order.

    What a task itself would share out runs on the task's own thread: a pool that waits for itself would never end.
    Tasks have the caller's gradient mode, which belongs to a thread. The first failure is raised, once no task runs
    any more; no task begins after it.
    """
    workers = _workers
    if workers is None or len(tasks) == 1 or is_sharing():
        return [task() for task in tasks]
    return workers.run(tasks)


def launch(kernel: wp.Kernel, dim: tuple[int, ...], inputs: list, split_axis: int = 0, grain: int = 1 << 13) -> None:
    """Run `kernel` over the index space `dim`.

    Args:
        inputs: the kernel's arguments after `offset`; torch tensors are passed without a copy, and must be contiguous
            where the kernel reads them by address. Vectors and structs must not change once they were handed over.
        split_axis: the axis along which slices write to disjoint memory.
        grain: work items that are worth a thread of their own, some tenths of a millisecond.
    """
    if 0 in dim:
        return
    device = next(x for x in inputs if isinstance(x, torch.Tensor)).device
    recorded = _recorded(kernel, device)
    if device.type == "cuda":
        (command,) = recorded.filled(dim, inputs, [(0, dim)])
        command.launch(_stream(device.index, torch.cuda.current_stream(device).cuda_stream))
        return

    n = dim[split_axis]
    n_slices = max(1, min(lanes_on(device), n, math.prod(dim) // grain))
    bounds = [n * i // n_slices for i in range(n_slices + 1)]
    slices = [(first, (*dim[:split_axis], last - first, *dim[split_axis + 1 :])) for first, last in pairwise(bounds)]
    run_together([command.launch for command in recorded.filled(dim, inputs, slices)])


class _Recorded:
    """A thread's launches of one kernel on one device, to be filled and replayed: far quicker than to launch anew.

    A tensor like the one that was handed over before, but for its length, only moves the array's address and length: to
    describe one anew takes as long as to launch a kernel.
    """

    def __init__(self, kernel: wp.Kernel, device: torch.device):
        self._kernel, self._device = kernel, f"cuda:{device.index}" if device.type == "cuda" else "cpu"
        self._types = [arg.type for arg in kernel.adj.args[1:]]
        self._commands: list[wp.Launch] = []
        self._slices: list[tuple[int, tuple[int, ...]]] = []
        self._given: list = [None] * len(self._types)  # an array's kind, or what else was given
        self._arrays: list = [None] * len(self._types)

    def filled(self, dim: tuple[int, ...], inputs: list, slices: list[tuple[int, tuple[int, ...]]]) -> list[wp.Launch]:
        """Launches with these arguments, one for each slice: its offset and its index space."""
        if len(self._commands) < len(slices):
            self._record(dim, inputs, len(slices))
        for i, value in enumerate(inputs):
            if isinstance(value, torch.Tensor):
                given, array = (value.dtype, value.shape[1:], value.stride()), self._arrays[i]
                if given == self._given[i]:
                    array.data, array.shape[0] = value.data_ptr(), value.shape[0]
                    continue
                value = wp.from_torch(value.detach(), dtype=self._types[i].dtype, return_ctype=True)
                self._arrays[i] = value
            elif value is self._given[i]:
                continue
            else:
                given, value = value, value.__ctype__() if hasattr(value, "__ctype__") else value
            self._given[i] = given
            for command in self._commands:
                command.set_param_at_index_from_ctype(i + 1, value)
        for k, (command, piece) in enumerate(zip(self._commands, slices, strict=False)):
            if piece != self._slices[k]:
                self._slices[k] = piece
                command.set_param_at_index_from_ctype(0, piece[0])
                command.set_dim(piece[1])
        return self._commands[: len(slices)]

    def _record(self, dim: tuple[int, ...], inputs: list, n: int) -> None:
        arguments = [_as_warp(x, kind) for x, kind in zip(inputs, self._types, strict=True)]
        while len(self._commands) < n:
            with making_kernels:  # the first one compiles or loads the kernel, which threads must not do together
                command = wp.launch(self._kernel, dim, [0, *arguments], device=self._device, record_cmd=True)
            self._commands.append(command)
            self._slices.append((0, dim))
        self._given = [None] * len(self._types)


def _as_warp(value, kind):
    if isinstance(value, torch.Tensor):
        return wp.from_torch(value.detach(), dtype=kind.dtype)
    # a recorded launch writes later vectors over the first one, which may be somebody's
    return type(value).from_buffer_copy(value) if isinstance(value, ctypes.Array) else value


def _recorded(kernel: wp.Kernel, device: torch.device) -> _Recorded:
    """This thread's launches of a kernel."""
    known = _thread.__dict__.setdefault("recorded", {})
    if (recorded := known.get((kernel, device))) is None:
        recorded = known[kernel, device] = _Recorded(kernel, device)
    return recorded


@cache
def _stream(device: int, handle: int) -> wp.Stream:
    """One of torch's streams as Warp's; torch has few, and they live as long as the process."""
    return wp.Stream(f"cuda:{device}", cuda_stream=handle)


set_threads(_n_threads)
