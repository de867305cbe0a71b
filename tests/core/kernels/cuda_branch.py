"""Runs the CUDA branches of C++ kernels on the CPU: one item per thread, one thread after the other.

So their logic is tested against the CPU branches without a GPU. Concurrency and the code that the CUDA compiler
generates are tested by `test_on_cuda`.
"""

import sys
from functools import cache

import warp as wp

from core.kernels.runtime import launch as launching
from core.kernels.runtime.cpp import build_options, headers_of


@cache
def of_cuda(kernel: wp.Kernel) -> wp.Kernel:
    """A kernel with the branches that CUDA takes; those in Warp's Python have none and are returned unchanged."""
    headers = headers_of(kernel.module)
    if not headers:
        return kernel
    module = wp.get_module(f"{__name__}.{kernel.module.name}.{kernel.key}")
    module.options["enable_backward"] = False
    module.options["extra_build_options"] = build_options(headers, before="#define FIRSTLIGHT_ONE_LANE\n")
    return wp.Kernel(kernel.func, key=kernel.key, module=module, source=kernel.adj.source)


def launch_of_cuda(kernel, dim, inputs, split_axis=0, grain=0, slices_a_thread=1):
    """Replaces `core.kernels.runtime.launch.launch`."""
    with launching.using_threads(1):
        launching.launch(of_cuda(kernel), dim, inputs)


def launch_runs_of_cuda(kernel, dim, length, inputs, split_axis=0, grain=0, slices_a_thread=1):
    """Replaces `core.kernels.runtime.launch.launch_runs`."""
    launch_of_cuda(kernel, dim, [1, *inputs])


def run_branches_of_cuda(monkeypatch) -> None:
    """Make all kernel modules launch their CUDA branches."""
    for module in [x for name, x in sys.modules.items() if name.startswith("core.") and x is not launching]:
        if getattr(module, "launch", None) is launching.launch:
            monkeypatch.setattr(module, "launch", launch_of_cuda)
        if getattr(module, "launch_runs", None) is launching.launch_runs:
            monkeypatch.setattr(module, "launch_runs", launch_runs_of_cuda)
