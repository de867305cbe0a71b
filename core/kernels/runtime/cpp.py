"""Kernels that consist of one call to a C++ function in `core/kernels/cpp`.

Warp compiles the headers for the CPU and for CUDA. It needs one Python function for the kernel and another for the C++
snippet, each with all arguments; here both are generated from a single signature.
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
"""Names that the generated kernel source uses itself."""

_headers: dict[str, dict[str, None]] = {}
"""The headers of each Warp module, by its name, in the order in which its kernels were made."""


def cpp_kernel(
    header: str | tuple[str, ...],
    call: str,
    run_over: str | None = None,
    split_axis: int | None = None,
    name: str | None = None,
    module: str | None = None,
) -> Callable[[Callable], wp.Kernel]:
    """Decorator that makes a kernel from a bare signature; `core.kernels.runtime.types` has the argument types.

    The C++ function takes the same arguments in the same order. The first is the index of the item that a thread works
    on; the others are passed to `launch`. With `run_over`, the first two are the thread's half-open range of items
    [first, last), and the others are passed to `launch_runs`; with `split_axis` too, the third is the items' row.

    Args:
        header: the file that defines the function: a name in `core/kernels/cpp`, or a path; or several files, the last
            of which defines it and uses the others in its templates.
        call: the function in the namespace `firstlight`, with its template arguments: "gather<2>".
        run_over: the array argument whose length is the number of items.
        split_axis: the axis along which launches over rows of runs are split: 0 for rows, 1 for runs. None if there is
            only one axis.
        name: the kernel's name, by default the function's.
        module: the Warp module that the kernel is compiled in, by default one for all kernels of the function's file.

    Raises:
        ValueError: the header does not exist; `run_over` is not the name of an array argument; `split_axis` is neither
            0 nor 1, or is passed without `run_over`; or an argument has a name that the generated kernel uses.
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
    """Options that make Warp compile a module with these headers.

    Args:
        before: C++ to insert before the headers.
    """
    # Warp precompiles its own headers, up to the first line that is not a directive, once for all modules
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
    """The headers that define the functions which a module's kernels call."""
    return list(_headers.get(module.name, ()))


def _include(headers: tuple[str, ...], module_name: str) -> None:
    """Include headers in a Warp module, and recompile it when they or the files they include change."""
    known = _headers.setdefault(module_name, {})
    if not known.keys() >= set(headers):
        known.update(dict.fromkeys(headers))
        module = wp.get_module(module_name)
        module.options["enable_backward"] = False  # torch needs no adjoints, which take most of the compile time
        module.options["extra_build_options"] = build_options(list(known))
        module.mark_modified()


def _with_included(header: Path) -> Iterator[Path]:
    yield header
    for name in re.findall(r'^#include "([^"]+)"', header.read_text("utf-8"), re.MULTILINE):
        yield from _with_included(HEADERS / name)


def _warp_type(annotation: Any) -> Any:
    """An argument's type for Warp: the first metadata item of an `Annotated`, or the annotation itself."""
    metadata = getattr(annotation, "__metadata__", None)
    return metadata[0] if metadata else annotation


def _without_arguments(): ...


def _named_after(function: Callable, code: CodeType, scope: dict[str, Any], types: dict[str, Any]) -> FunctionType:
    """A stand-in function for Warp, which reads its annotations and looks names up in its scope, but never calls it."""
    copy = FunctionType(code, scope, function.__name__)
    copy.__module__, copy.__qualname__, copy.__annotations__ = function.__module__, function.__qualname__, types
    return copy


def _body(run_over: str | None, split_axis: int | None, given: str) -> str:
    """Source of the kernel's body in Warp's Python: it finds a thread's items and calls the C++ function."""
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
