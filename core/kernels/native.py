"""Kernels that are plain C++ between a thread's number and its end.

Warp's own Python finds its way in arrays three times as slowly. It wants two functions for a kernel in C++, one that
holds the code and one that calls it, each with all arguments; here one list of them makes both.
"""

import inspect
from collections.abc import Callable

import warp as wp


def native_kernel(
    code: str, run_over: str | None = None, name: str | None = None, module: str | None = None
) -> Callable[[Callable], wp.Kernel]:
    """Makes a kernel of a function without a body, whose arguments are those of the code.

    Its first argument is the number of the item that a thread is to do; with `run_over` the first two are those of the
    first item and of the one behind the last. `launch` gives the others: with `run_over`, after the length of a run.

    Args:
        code: the body of a C++ function of the arguments.
        run_over: the array, by its argument's name, whose length is the number of all items.
        name: the kernel's; None: the function's.
        module: what is compiled together; None: all kernels of the function's file.
    """

    def make(function: Callable) -> wp.Kernel:
        types = dict(inspect.get_annotations(function))
        names = list(types)
        native = wp.func_native(code)(function)
        given = names[1:] if run_over is None else names[2:]
        before = ["offset"] if run_over is None else ["offset", "run"]
        if run_over is None:
            body = f"native(wp.tid() + offset, {', '.join(given)})"
        else:
            body = (
                f"first = (wp.tid() + offset) * run\n"
                f"    native(first, wp.min(first + run, {run_over}.shape[0]), {', '.join(given)})"
            )
        # Warp wants a function, and reads its text
        source = f"def kernel({', '.join(before + given)}):\n    {body}\n"
        scope = {"wp": wp, "native": native}
        exec(source, scope)
        kernel = scope["kernel"]
        kernel.__module__ = function.__module__
        kernel.__annotations__ = {name: wp.int32 for name in before} | {name: types[name] for name in given}
        return wp.Kernel(
            kernel, key=name or function.__name__, module=wp.get_module(module or function.__module__), source=source
        )

    return make
