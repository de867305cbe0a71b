"""Kernels made of C++ and one signature: any slicing of a launch handles each item once, and misuse is an error."""

from pathlib import Path

import pytest
import torch
import warp as wp

from core.kernels.runtime.cpp import HEADERS, build_options, cpp_kernel, headers_of
from core.kernels.runtime.launch import launch, launch_runs, using_threads
from core.kernels.runtime.types import Float, Floats, Int, Ints

HEADER = str(Path(__file__).with_name("kernels_of_tests.h"))


@cpp_kernel(HEADER, "add_item")
def _add_item(i: Int, factor: Float, numbers: Floats, sums: Floats): ...


@cpp_kernel(HEADER, "add_run", run_over="begun")
def _add_run(first: Int, last: Int, begun: Ints): ...


def rows_split_along(axis):
    @cpp_kernel(HEADER, "add_run_of_row", run_over="numbers", split_axis=axis, name=f"add_run_of_row_{axis}")
    def kernel(first: Int, last: Int, row: Int, numbers: Ints, sums: Ints): ...

    return kernel


ROWS = [rows_split_along(axis) for axis in (0, 1)]


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    with using_threads(request.param):
        yield request.param


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_each_item_is_handled_once_however_a_launch_is_sliced(n, threads):
    numbers, sums = torch.rand(n), torch.zeros(n)
    launch(_add_item, (n,), [2.0, numbers, sums], grain=1)
    torch.testing.assert_close(sums, 2.0 * numbers + torch.arange(n))


@pytest.mark.parametrize("n", [0, 1, 63, 64, 1000])
@pytest.mark.parametrize("length", [1, 64])
def test_runs_are_adjacent_and_the_last_one_ends_with_the_items(n, length, threads):
    room = torch.zeros(n + 100, dtype=torch.int32)
    begun, beyond = room[:n], room[n:]
    launch_runs(_add_run, (n,), length, [begun], grain=1)
    assert torch.equal(begun, 1 + torch.arange(n, dtype=torch.int32) // length * length)
    assert not beyond.any()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("n_rows", [1, 3, 8])
def test_rows_of_runs_may_be_split_along_either_axis(axis, n_rows, threads):
    numbers, sums = torch.arange(500, dtype=torch.int32), torch.zeros(n_rows, 500, dtype=torch.int32)
    launch_runs(ROWS[axis], (n_rows, 500), 64, [numbers, sums.view(-1)], axis, grain=1, slices_a_thread=2)
    assert torch.equal(sums, 1000 * torch.arange(n_rows, dtype=torch.int32)[:, None] + numbers)


def test_a_kernel_takes_its_functions_name_and_module_by_default():
    assert _add_item.key == "_add_item"
    assert _add_item.module is _add_run.module is wp.get_module(__name__)
    assert ROWS[1].key == "add_run_of_row_1"


def test_kernels_of_one_function_in_separate_modules_do_not_mix():
    def filled_with(number):
        module = f"{__name__}.filled_with_{number}"

        @cpp_kernel(HEADER, f"fill_with<{number}>", name=f"fill_with_{number}", module=module)
        def kernel(i: Int, numbers: Ints): ...

        assert kernel.module.name == module
        assert list(kernel.module.kernels) == [kernel.key]
        return kernel

    kernels = {number: filled_with(number) for number in (3, 4)}
    for number in (3, 4, 3):
        numbers = torch.zeros(10, dtype=torch.int32)
        launch(kernels[number], (10,), [numbers])
        assert numbers.tolist() == [number] * 10


@pytest.mark.parametrize("run_over", ["places", "factor", "first"])
def test_run_over_must_name_an_array_argument(run_over):
    with pytest.raises(ValueError, match=f"one of the array arguments of kernel, numbers, sums; found '{run_over}'"):

        @cpp_kernel(HEADER, "add_run", run_over=run_over)
        def kernel(first: Int, last: Int, factor: Float, numbers: Floats, sums: Floats): ...


def test_argument_names_that_the_kernel_uses_itself_are_refused():
    with pytest.raises(ValueError, match=r"other names than .*; found offset, run"):

        @cpp_kernel(HEADER, "add_item")
        def kernel(i: Int, run: Int, offset: Int, numbers: Floats): ...


@pytest.mark.parametrize(("run_over", "axis"), [(None, 0), ("numbers", 2)])
def test_split_axis_must_be_rows_or_runs(run_over, axis):
    with pytest.raises(ValueError, match=f"expected a split_axis of 0 or 1 beside run_over, found {axis} beside"):
        cpp_kernel(HEADER, "add_run", run_over=run_over, split_axis=axis)


def test_a_header_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match=r"the path of one, found 'marhc\.h'"):
        cpp_kernel("marhc.h", "march")


def test_a_module_depends_on_its_header_and_everything_it_includes():
    assert headers_of(_add_item.module) == [HEADER]
    names = [Path(path).name for path in build_options([HEADER]).extra_build_dependencies]
    assert names == ["kernels_of_tests.h", "lanes.h"]


def test_inline_assembly_is_compiled_for_cuda_only_as_warps_cpu_compiler_aborts_on_it():
    n_found = 0
    for header in HEADERS.glob("*.h"):
        conditions = []
        for line in header.read_text("utf-8").splitlines():
            if line.startswith("#if"):
                conditions.append(line)
            elif line.startswith("#el"):
                conditions[-1] = line
            elif line.startswith("#endif"):
                conditions.pop()
            elif "asm " in line.partition("//")[0]:
                n_found += 1
                assert any("defined(__CUDA_ARCH__)" in condition for condition in conditions), f"{header.name}: {line}"
    assert n_found > 0
