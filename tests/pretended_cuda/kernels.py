"""Lets our kernels run on tensors of the pretended GPU: by the branches that CUDA takes, compiled for the CPU.

Launches are checked as the GPU would punish them: all arrays on the GPU, contiguous where they are read by address, and
of the kernel's types. Arguments are filled in by the product's own code for CUDA.
"""

import sys

import warp as wp
from torch import Tensor

from core.kernels.runtime import launch as launching
from core.kernels.runtime.loading import start_quietly
from core.kernels.runtime.recorded import OnCuda
from core.self_check import child, supervise
from tests.core.kernels.cuda_branch import of_cuda
from tests.pretended_cuda.device import as_cpu

_record, _from_torch = launching._record, wp.from_torch


class _Pretended(OnCuda):
    """A kernel's launches on the pretended GPU."""

    def __init__(self, kernel: wp.Kernel, command: wp.Launch):
        super().__init__(command)
        self._kernel = kernel

    def launch(self, dim, inputs, stream) -> None:
        _check(self._kernel, inputs)
        super().launch(dim, _on_cpu(inputs), None)


def _record_pretended(kernel, dim, inputs, device, block):
    if device.type != "cuda":
        return _record(kernel, dim, inputs, device, block)
    _check(kernel, inputs)
    twin, mine = of_cuda(kernel), _on_cpu(inputs)
    with launching.making_kernels:
        launching.start_warp()
        arguments = [launching._as_warp(x, arg.type) for x, arg in zip(mine, twin.adj.args[1:], strict=True)]
        command = wp.launch(twin, dim, [0, *arguments], device="cpu", record_cmd=True, block_dim=1)
    return _Pretended(kernel, command)


def _on_cpu(inputs: list) -> list:
    return [as_cpu(x.detach()) if isinstance(x, Tensor) else x for x in inputs]


def _check(kernel: wp.Kernel, inputs: list) -> None:
    """Raise for arguments that a kernel on the GPU couldn't take."""
    by_address = isinstance(kernel.func.__globals__.get("native"), wp.Function)
    expected = kernel.adj.args[1:]
    if len(expected) != len(inputs):
        raise TypeError(f"{kernel.key}: expected {len(expected)} arguments, found {len(inputs)}")
    for value, arg in zip(inputs, expected, strict=True):
        what = f"{kernel.key}: {arg.label}"
        if isinstance(value, Tensor) != isinstance(arg.type, wp.array):
            raise TypeError(f"{what} is {type(value)}, expected {arg.type}")
        if not isinstance(value, Tensor):
            continue
        if value.device.type != "cuda":
            raise RuntimeError(f"{what} is on {value.device}, and the launch is on cuda:0")
        if by_address and not value.is_contiguous():
            raise RuntimeError(f"{what} is read by address, but has strides {value.stride()}")
        kind = getattr(arg.type.dtype, "_wp_scalar_type_", arg.type.dtype)
        if wp.dtype_from_torch(value.dtype) is not kind:
            raise TypeError(f"{what} holds {value.dtype}, expected {kind}")


def _unwrapped(t: Tensor, *args, **kwargs):
    """`wp.from_torch`: a grid's cells are in a struct."""
    return _from_torch(as_cpu(t.detach()) if t.device.type == "cuda" else t, *args, **kwargs)


start_quietly()
launching._record, launching._stream, wp.from_torch = _record_pretended, lambda device, handle: None, _unwrapped
wp.is_cuda_available = lambda: True
wp.get_cuda_driver_version = wp.get_cuda_toolkit_version
supervise.COMMAND = (sys.executable, "-m", "tests.pretended_cuda", child.__file__)
