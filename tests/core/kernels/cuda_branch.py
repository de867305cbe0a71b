"""Runs on the CPU what kernels in C++ have for CUDA: an item a thread, one thread after the other.

So the logic of these branches is held to that of the CPU's where there is no GPU. How a GPU runs them side by side, and
what its compiler makes of them, `test_on_cuda` tells.
"""

import sys
from functools import cache

import warp as wp

from core.kernels.runtime import launch as launching
from core.kernels.runtime.cpp import build_options, headers_of

# CUDA's compiler has these; no two threads run at once here.
_OF_CUDA = """
#define __CUDA_ARCH__ 800
#define clock64() (++ticked)
    static long long ticked = 0;
    auto atomicAdd = [](auto* at, auto value) { const auto before = *at; *at += value; return before; };
    auto atomicMax = [](int* at, int value) { *at = value > *at ? value : *at; };
    auto __float_as_int = [](float x) { int bits; __builtin_memcpy(&bits, &x, sizeof bits); return bits; };
    auto __uint_as_float = [](unsigned bits) { float x; __builtin_memcpy(&x, &bits, sizeof x); return x; };
"""


@cache
def of_cuda(kernel: wp.Kernel) -> wp.Kernel:
    """A kernel with the branches that CUDA's compiler takes; one in Warp's Python has none and stays as it is."""
    native = kernel.func.__globals__.get("native")
    if not isinstance(native, wp.Function):
        return kernel
    if headers := headers_of(kernel.module):
        module = wp.get_module(f"{__name__}.{kernel.module.name}.{kernel.key}")
        module.options["extra_build_options"] = build_options(headers, before="#define FIRSTLIGHT_ONE_LANE\n")
        return wp.Kernel(kernel.func, key=kernel.key, module=module, source=kernel.adj.source)
    code = f"\n{_OF_CUDA}{native.native_snippet}\n#undef __CUDA_ARCH__\n#undef clock64\n"
    scope = {"wp": wp, "native": wp.func_native(code)(native.func)}
    exec(kernel.adj.source, scope)
    function, name = scope["kernel"], f"{kernel.key}_of_cuda"
    function.__module__, function.__annotations__ = __name__, kernel.func.__annotations__
    return wp.Kernel(function, key=name, module=wp.get_module(f"{__name__}.{name}"), source=kernel.adj.source)


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
