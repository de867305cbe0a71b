"""Kernels whose work is one call of a C++ function in `core/kernels/cpp`.

Warp compiles the headers for the CPU and for CUDA. It wants a Python function for a kernel and one more for a piece of
C++, both with all arguments; here a single signature makes both.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import warp as wp

HEADERS = Path(__file__).parents[1] / "cpp"
"""The folder of the C++ headers."""

_OWN = ("wp", "native", "offset", "run", "row", "number", "first")
"""Names that the kernel's own text uses."""

_headers: dict[str, dict[str, None]] = {}
"""The headers of each of Warp's modules, in the order of their kernels."""


def cpp_kernel(
    header: str | tuple[str, ...],
    call: str,
    run_over: str | None = None,
    split_axis: int | None = None,
    name: str | None = None,
    module: str | None = None,
) -> Callable[[Callable], wp.Kernel]:
    """Makes a kernel of a function that is only a signature, see `core.kernels.runtime.types`.

    The C++ function has the same arguments, in the same order. The first is the index of the item that a thread does;
    `launch` is given the others. With `run_over`, the first two are the index of a thread's first item and the one
    behind its last, and `launch_runs` is given the others; with `split_axis` too, the third is the items' row.

    Args:
        header: the file that has the function: a name in `core/kernels/cpp`, or a path; or several files, of which the
            last one has it and uses the others in its templates.
        call: the function, with its template arguments, in the namespace `firstlight`: "gather<2>".
        run_over: the array argument whose length is the number of items.
        split_axis: of launches over rows of runs, the axis that is split: 0 for rows, 1 for runs. None: there is one
            axis.
        name: the kernel's; None: the function's.
        module: what Warp compiles together; None: all kernels of the function's file.

    Raises:
        ValueError: the header does not exist; `run_over` names no array argument of a launch; `split_axis` is neither
            0 nor 1, or there is no `run_over` beside it; or an argument's name is one that the kernel itself uses.
    """
    headers = (header,) if isinstance(header, str) else header
    for name_or_path in headers:
        if not (HEADERS / name_or_path).is_file():
            raise ValueError(f"expected the name of a header in {HEADERS}, or the path of one, found {name_or_path!r}")
    if split_axis is not None and (run_over is None or split_axis not in (0, 1)):
        raise ValueError(
            f"expected a split_axis of 0 or 1 beside run_over, found {split_axis!r} beside run_over={run_over!r}"
        )

    def make(function: Callable) -> wp.Kernel:
        types = {key: _warp_type(value) for key, value in inspect.get_annotations(function).items()}
        given = list(types)[1 if run_over is None else 2 if split_axis is None else 3 :]
        arrays = [argument for argument in given if isinstance(types[argument], wp.array)]
        if run_over is not None and run_over not in arrays:
            raise ValueError(
                f"expected run_over to name one of the array arguments of {function.__name__}, "
                f"{', '.join(arrays) or 'of which there are none'}; found {run_over!r}"
            )
        if taken := set(given) & set(_OWN):
            raise ValueError(
                f"expected arguments of {function.__name__} with other names than {', '.join(_OWN)}, which its kernel "
                f"uses itself; found {', '.join(sorted(taken))}"
            )
        module_name = module or function.__module__
        snippet = f"firstlight::{call}({', '.join(types)});"
        native = wp.func_native(snippet)(_named_after(function, function.__code__, {}, types))
        own = ["offset"] if run_over is None else ["offset", "run"]
        arguments = dict.fromkeys(own, wp.int32) | {key: types[key] for key in given}
        kernel = _named_after(function, _without_arguments.__code__, {"wp": wp, "native": native}, arguments)
        source = f"def kernel({', '.join(arguments)}):\n{_body(run_over, split_axis, ', '.join(given))}"
        _include(headers, module_name)
        return wp.Kernel(kernel, key=name or function.__name__, module=wp.get_module(module_name), source=source)

    return make


def build_options(headers: list[str], before: str = "") -> wp.ModuleBuildOptions:
    """What has Warp compile a module with some of our headers.

    Args:
        before: C++ that stands before the headers.
    """
    # Warp's own headers are compiled once for all modules, up to the first thing that is not a directive
    preamble = before + "namespace firstlight {}\n" + "".join(f'#include "{header}"\n' for header in headers)
    files = {path: None for header in headers for path in _with_included(HEADERS / header)}
    return wp.ModuleBuildOptions(
        extra_cpu_include_dirs=[str(HEADERS)],
        extra_cuda_include_dirs=[str(HEADERS)],
        extra_cpu_preamble=preamble,
        extra_cuda_preamble=preamble,
        extra_build_dependencies=[str(path) for path in files],
    )


def headers_of(module: wp.Module) -> list[str]:
    """The headers that a module's kernels call."""
    return list(_headers.get(module.name, ()))


def _include(headers: tuple[str, ...], module_name: str) -> None:
    """Let a module of Warp's see headers, and be compiled anew when they or what they include change."""
    known = _headers.setdefault(module_name, {})
    if not known.keys() >= set(headers):
        known.update(dict.fromkeys(headers))
        module = wp.get_module(module_name)
        module.options["enable_backward"] = False  # torch asks for no adjoint kernel
        module.options["extra_build_options"] = build_options(list(known))
        module.mark_modified()


def _with_included(header: Path) -> Iterator[Path]:
    yield header
    for name in re.findall(r'^#include "([^"]+)"', header.read_text("utf-8"), re.MULTILINE):
        yield from _with_included(HEADERS / name)


def _warp_type(annotation: Any) -> Any:
    """What Warp is told of an argument: what stands behind the first type of an `Annotated`."""
    metadata = getattr(annotation, "__metadata__", None)
    return metadata[0] if metadata else annotation


def _without_arguments(): ...


def _named_after(function: Callable, code: CodeType, scope: dict[str, Any], types: dict[str, Any]) -> FunctionType:
    """A function for Warp, which reads its annotations, looks names up in its scope and never calls it."""
    made = FunctionType(code, scope, function.__name__)
    made.__module__, made.__qualname__, made.__annotations__ = function.__module__, function.__qualname__, types
    return made


def _body(run_over: str | None, split_axis: int | None, given: str) -> str:
    """The kernel's text in Warp's Python: it finds a thread's items and calls the C++."""
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
