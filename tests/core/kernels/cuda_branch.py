"""Runs on the CPU what kernels in C++ have for CUDA: an item a thread, one thread after the other.

So the logic of these branches is held to that of the CPU's where there is no GPU. How a GPU runs them side by side, and
what its compiler makes of them, `test_on_cuda` tells.
"""

import sys
from functools import cache

import warp as wp

from core.kernels.runtime import launch as launching
from core.kernels.runtime.cpp import build_options, headers_of


@cache
def of_cuda(kernel: wp.Kernel) -> wp.Kernel:
    """A kernel with the branches that CUDA takes; one in Warp's Python has none and stays as it is."""
    headers = headers_of(kernel.module)
    if not headers:
        return kernel
    module = wp.get_module(f"{__name__}.{kernel.module.name}.{kernel.key}")
    module.options["extra_build_options"] = build_options(headers, before="#define FIRSTLIGHT_ONE_LANE\n")
    return wp.Kernel(kernel.func, key=kernel.key, module=module, source=kernel.adj.source)


def launch_of_cuda(kernel, dim, inputs, split_axis=0, grain=0, slices_a_thread=1):
    """In place of `core.kernels.runtime.launch.launch`."""
    with launching.using_threads(1):
        launching.launch(of_cuda(kernel), dim, inputs)


def launch_runs_of_cuda(kernel, dim, length, inputs, split_axis=0, grain=0, slices_a_thread=1):
    """In place of `core.kernels.runtime.launch.launch_runs`."""
    launch_of_cuda(kernel, dim, [1, *inputs])


def run_branches_of_cuda(monkeypatch) -> None:
    """Let all kernels' modules launch what CUDA would run."""
    for module in [x for name, x in sys.modules.items() if name.startswith("core.") and x is not launching]:
        if getattr(module, "launch", None) is launching.launch:
            monkeypatch.setattr(module, "launch", launch_of_cuda)
        if getattr(module, "launch_runs", None) is launching.launch_runs:
            monkeypatch.setattr(module, "launch_runs", launch_runs_of_cuda)
