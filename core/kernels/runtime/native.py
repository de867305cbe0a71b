"""Kernels that are plain C++ between a thread's number and its end.

Warp's own Python finds its way in arrays three times as slowly. It wants two functions for a kernel in C++, one that
holds the code and one that calls it, each with all arguments; here one list of them makes both.
"""

import inspect
from collections.abc import Callable

import warp as wp

_OWN = ("wp", "native", "offset", "run", "row", "number", "first")
"""Names that a kernel has of its own."""


def native_kernel(
    code: str,
    run_over: str | None = None,
    split_axis: int | None = None,
    name: str | None = None,
    module: str | None = None,
) -> Callable[[Callable], wp.Kernel]:
    """Makes a kernel of a function without a body, whose arguments are those of the code.

    Its first argument is the number of the item that a thread is to do, and `launch` gives the others. With `run_over`
    the first two are the numbers of the first item and of the one behind the last, and `launch_runs` gives the others;
    with `split_axis` too, the third is the row that they are of.

    Args:
        code: the body of a C++ function of the arguments.
        run_over: the array, by its argument's name, whose length is the number of all items.
        split_axis: of launches over rows of runs, the axis that is split: 0 for rows, 1 for runs. None: there is one
            axis.
        name: the kernel's; None: the function's.
        module: what is compiled together; None: all kernels of the function's file.

    Raises:
        ValueError: `run_over` names no array among the arguments that a launch gives; it is missing though there is a
            `split_axis`, which is another number than 0 and 1; or an argument bears a name that the kernel needs.
    """
    if split_axis is not None and (run_over is None or split_axis not in (0, 1)):
        raise ValueError(
            f"expected a split_axis of 0 or 1 beside run_over, found {split_axis!r} beside run_over={run_over!r}"
        )

    def make(function: Callable) -> wp.Kernel:
        types = dict(inspect.get_annotations(function))
        given = list(types)[1 if run_over is None else 2 if split_axis is None else 3 :]
        arrays = [argument for argument in given if isinstance(types[argument], wp.array)]
        if run_over is not None and run_over not in arrays:
            raise ValueError(
                f"expected run_over to name one of the arrays that {function.__name__} is given, "
                f"{', '.join(arrays) or 'of which there are none'}; found {run_over!r}"
            )
        if taken := set(given) & set(_OWN):
            raise ValueError(
                f"expected arguments of {function.__name__} with other names than {', '.join(_OWN)}, which its kernel "
                f"has of its own; found {', '.join(sorted(taken))}"
            )
        own = ["offset"] if run_over is None else ["offset", "run"]
        # Warp wants a function, and reads its text
        source = f"def kernel({', '.join(own + given)}):\n{_body(run_over, split_axis, ', '.join(given))}"
        scope = {"wp": wp, "native": wp.func_native(code)(function)}
        exec(source, scope)
        kernel = scope["kernel"]
        kernel.__module__ = function.__module__
        kernel.__annotations__ = dict.fromkeys(own, wp.int32) | {key: types[key] for key in given}
        compiled_with = wp.get_module(module or function.__module__)
        compiled_with.options["enable_backward"] = False  # torch asks for no adjoint kernel
        return wp.Kernel(kernel, key=name or function.__name__, module=compiled_with, source=source)

    return make


def _body(run_over: str | None, split_axis: int | None, given: str) -> str:
    if run_over is None:
        return f"    native(wp.tid() + offset, {given})\n"
    numbers = {
        None: "    number = wp.tid() + offset\n",
        0: "    row, number = wp.tid()\n    row += offset\n",
        1: "    row, number = wp.tid()\n    number += offset\n",
    }[split_axis]
    row = "" if split_axis is None else "row, "
    return f"""{numbers}    first = number * run
    native(first, wp.min(first + run, {run_over}.shape[0]), {row}{given})
"""
