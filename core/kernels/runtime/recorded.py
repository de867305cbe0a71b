"""Recorded launches of a kernel, replayed with new arguments: far faster than a fresh launch.

For a tensor that differs from the last one only in address and length, only these two are updated: building a new array
descriptor takes as long as launching a kernel.
"""

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import warp as wp
from torch import Tensor


def check_device(kernel: wp.Kernel, i: int, value: Any, on_cuda: bool) -> None:
    """Raise ValueError for a tensor on another device than a kernel runs on: its address would be read there.

    Args:
        i: the argument's index, not counting `offset`.
    """
    if isinstance(value, Tensor) and value.is_cuda != on_cuda:
        raise ValueError(
            f"{kernel.key} runs on {'a GPU' if on_cuda else 'the CPU'}, but its {kernel.adj.args[i + 1].label} is on "
            f"{value.device}: move cameras, rays and backgrounds to the field's device, as with "
            "camera.to(trainer.device)"
        )


class OnCuda:
    """Launches of one kernel on one GPU by one thread."""

    def __init__(self, command: wp.Launch):
        """
        Args:
            command: as recorded by `wp.launch`; its arguments are replaced before use.
        """
        self._command, self._dim = command, None
        self._arguments = _Arguments(command, self._put)

    def launch(self, dim: tuple[int, ...], inputs: list, stream: wp.Stream) -> None:
        """Run the kernel over `dim` with these arguments, which follow `offset` (0)."""
        self._arguments.fill(inputs)
        if dim != self._dim:
            self._dim = dim
            self._command.set_dim(dim)
        self._command.launch(stream)

    def _put(self, i: int, value: Any) -> Any:
        self._command.set_param_at_index_from_ctype(i + 1, value)
        return value


class OnCpu:
    """Launches of one kernel on the CPU by one thread, in slices.

    Warp rebuilds the struct of the arguments at every launch, which takes longer than many kernels run. Here it is
    kept, and each further slice has a copy with its own offset. This relies on `invoke` in `warp/_src/context.py` of
    Warp 1.19.0: a launch's `hooks.forward` is a C function (ctypes releases the GIL while it runs) that takes the
    addresses of the launch's bounds, `params[0]`, and of a struct of its arguments, the other `params`.
    """

    def __init__(self, command: wp.Launch):
        """
        Args:
            command: as recorded by `wp.launch`; its arguments are replaced before use.
        """
        bounds, *params = command.params
        self._names = ["offset", *(arg.label for arg in command.kernel.adj.args[1:])]
        fields = [(name, type(x)) for name, x in zip(self._names, params, strict=True)]
        self._struct, self._bounds = type("Arguments", (ctypes.Structure,), {"_fields_": fields}), type(bounds)
        assert command.hooks is not None  # always set for the CPU
        self._forward, self._module = command.hooks.forward, command.module_exec  # the module owns the function
        self._slices = [self._slice()]
        self._arguments = _Arguments(command, self._put)

    def slices(self, dim: tuple[int, ...], inputs: list, split_axis: int, n: int) -> list[Callable[[], None]]:
        """Callables that run the kernel over `dim` with these arguments, in n slices along an axis.

        They are valid until the next call of this method, and only while the caller keeps the tensors alive.
        """
        self._arguments.fill(inputs)
        while len(self._slices) < n:
            self._slices.append(self._slice())
        if n == 1:
            self._slices[0].move(0, dim)
        else:
            size, before, behind = dim[split_axis], dim[:split_axis], dim[split_axis + 1 :]
            n_bytes = ctypes.sizeof(self._struct)
            for k, piece in enumerate(self._slices[:n]):
                first, last = size * k // n, size * (k + 1) // n
                if k:
                    ctypes.memmove(piece.address, self._slices[0].address, n_bytes)
                piece.move(first, (*before, last - first, *behind))
        return [piece.run for piece in self._slices[:n]]

    def _slice(self) -> "_Slice":
        return _Slice(self._forward, self._struct(), self._bounds(()))

    def _put(self, i: int, value: Any) -> Any:
        arguments, name = self._slices[0].arguments, self._names[i + 1]
        setattr(arguments, name, value)
        return getattr(arguments, name)


class _Slice:
    """One slice of a launch on the CPU; `run` executes it."""

    def __init__(self, forward: Callable, arguments: ctypes.Structure, bounds: ctypes.Structure):
        self.arguments, self.address = arguments, ctypes.byref(arguments)
        self._bounds, self._dim = bounds, None
        self.run = partial(forward, ctypes.byref(bounds), self.address)

    def move(self, offset: int, dim: tuple[int, ...]) -> None:
        self.arguments.offset = offset
        if dim != self._dim:
            self._dim = dim
            self._bounds.__init__(dim)


class _Arguments:
    """The arguments of a recorded launch; those that did not change are left as they are.

    Args:
        put: sets the argument at an index, not counting `offset`, to a number or a ctypes value, and returns the ctypes
            value that a launch will read.
    """

    def __init__(self, command: wp.Launch, put: Callable[[int, Any], Any]):
        self._kernel, self._on_cuda, self._put = command.kernel, command.device.is_cuda, put
        self._types = [arg.type for arg in command.kernel.adj.args[1:]]
        self._given: list = [None] * len(self._types)  # arrays' kinds, weak references to structs, other values
        self._arrays: list = [None] * len(self._types)
        self._lengths: list = [None] * len(self._types)

    def fill(self, inputs: list) -> None:
        """Set the arguments after `offset`; ValueError for a tensor on another device, whose address would crash."""
        given = self._given
        for i, value in enumerate(inputs):
            if isinstance(value, Tensor):
                shape = value.shape
                kind = (value.is_cuda, value.dtype, value.stride(), shape[1:] if len(shape) > 1 else ())
                if kind == given[i]:
                    self._arrays[i].data = value.data_ptr()
                    self._lengths[i][0] = shape[0]
                else:
                    check_device(self._kernel, i, value, self._on_cuda)
                    array = wp.from_torch(value.detach(), dtype=self._types[i].dtype, return_ctype=True)
                    self._arrays[i] = self._put(i, array)
                    self._lengths[i], given[i] = self._arrays[i].shape, kind
            elif value is not (given[i]() if isinstance(given[i], ref) else given[i]):
                is_struct = hasattr(value, "__ctype__")
                self._put(i, value.__ctype__() if is_struct else value)
                given[i] = ref(value) if is_struct else value  # weak, as a struct's arrays may be large
