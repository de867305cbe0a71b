"""Launches Warp kernels on torch tensors: split over threads on the CPU, on torch's current stream on CUDA.

A Warp launch on the CPU runs on the calling thread and releases the GIL, so a launch is cut into slices and the
slices run on a thread pool. Every kernel's first argument is `offset`, an int: the slice's first index along the
split axis, which the kernel adds to that axis of `wp.tid()`.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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

_SMALLEST_SLICE = 512
"""Work items below which waking a second thread costs more than it saves."""

_pool: ThreadPoolExecutor | None = None
_n_threads = os.cpu_count() or 1


def set_threads(n: int) -> None:
    """Size torch's and Warp's pools together. They take turns, so each may have all n."""
    global _pool, _n_threads
    if n < 1:
        raise ValueError(f"threads must be at least 1, got {n}")
    torch.set_num_threads(n)
    _n_threads = n
    if _pool is not None:
        _pool.shutdown()
    _pool = ThreadPoolExecutor(n - 1, thread_name_prefix="warp-slice") if n > 1 else None


def n_threads() -> int:
    """Threads a launch on the CPU is split over."""
    return _n_threads


def launch(kernel: wp.Kernel, dim: tuple[int, ...], inputs: list, split_axis: int = 0) -> None:
    """Run `kernel` over the index space `dim`.

    Args:
        inputs: the kernel's arguments after `offset`; torch tensors are passed without a copy and must be contiguous.
        split_axis: the axis along which slices write to disjoint memory.
    """
    if 0 in dim:
        return
    tensors = [x for x in inputs if isinstance(x, torch.Tensor)]
    device = tensors[0].device
    arguments = [_as_warp(x, arg.type) for x, arg in zip(inputs, kernel.adj.args[1:], strict=True)]
    if device.type == "cuda":
        stream = wp.stream_from_torch(torch.cuda.current_stream(device))
        wp.launch(kernel, dim, inputs=[0, *arguments], device=stream.device, stream=stream)
        return
    total = 1
    for extent in dim:
        total *= extent
    slices = min(_n_threads, dim[split_axis], max(1, total // _SMALLEST_SLICE))
    if slices == 1 or _pool is None:
        wp.launch(kernel, dim, inputs=[0, *arguments], device="cpu")
        return
    bounds = [dim[split_axis] * i // slices for i in range(slices + 1)]

    def run(i: int) -> None:
        part = (*dim[:split_axis], bounds[i + 1] - bounds[i], *dim[split_axis + 1 :])
        wp.launch(kernel, part, inputs=[bounds[i], *arguments], device="cpu")

    others = [_pool.submit(run, i) for i in range(1, slices)]
    run(0)
    for other in others:
        other.result()


def _as_warp(value, arg_type):
    if isinstance(value, torch.Tensor):
        return wp.from_torch(value.detach(), dtype=arg_type.dtype, return_ctype=True)
    return value


set_threads(_n_threads)
