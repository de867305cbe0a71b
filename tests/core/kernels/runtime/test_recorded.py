"""Recorded launches give the same results as Warp's own, for every kind of argument, however arguments change."""

import gc
import threading
import weakref

import numpy as np
import pytest
import torch
import warp as wp

from core.kernels.runtime.launch import launch, using_threads

wp.init()  # the cases below contain Warp arrays

WARP_CHANGED = "Warp no longer launches as `recorded.OnCpu` assumes: read its `invoke` again"


@wp.struct
class Change:
    is_on: wp.bool
    shift: wp.vec3f
    factors: wp.array(dtype=wp.float32)


@wp.kernel(module="unique", enable_backward=False)
def _all_kinds(
    offset: wp.int32,
    is_negative: wp.bool,
    points: wp.array(dtype=wp.vec3f),
    table: wp.array2d(dtype=wp.float32),
    count: wp.int32,
    change: Change,
    corner: wp.vec3i,
    flags: wp.array(dtype=wp.bool),
    axes: wp.mat33f,
    scale: wp.float32,
    sums: wp.array2d(dtype=wp.float32),
):
    i, j = wp.tid()
    i += offset
    point = axes * points[i] + change.shift
    value = scale * point[j] + wp.float32(corner[j] + count * table.shape[1])
    for k in range(table.shape[1]):
        value += table[i, k]
    if change.is_on and flags[i]:
        value *= change.factors[j]
    if is_negative:
        value = -value
    sums[i, j] = value


@wp.kernel(module="unique", enable_backward=False)
def _long(offset: wp.int32, n: wp.int32, sums: wp.array(dtype=wp.float32)):
    i = wp.tid() + offset
    for k in range(n):
        sums[i] = wp.sin(sums[i] + wp.float32(k))


def _change(is_on, seed):
    change = Change()
    change.is_on, change.shift = is_on, wp.vec3f(*numbers(3, seed=seed).tolist())
    change.factors = wp.from_torch(numbers(3, seed=seed + 1))
    return change


def numbers(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def _inputs(n_rows=50, **changed):
    inputs = {
        "is_negative": False,
        "points": numbers(n_rows, 3),
        "table": numbers(n_rows, 4, seed=1),
        "count": 3,
        "change": _change(True, 2),
        "corner": wp.vec3i(1, -2, 3),
        "flags": numbers(n_rows, seed=4) > 0.5,
        "axes": wp.mat33f(*numbers(9, seed=5).tolist()),
        "scale": 0.7,
    }
    return list((inputs | changed).values())


CHANGES = [
    {},
    {"is_negative": True},
    {"count": 70_001, "scale": -2.5},
    {"scale": 4},
    {"change": _change(True, 7)},
    {"change": _change(False, 7)},
    {"corner": wp.vec3i(9, 8, 7), "axes": wp.mat33f(*range(9))},
    {"table": numbers(50, 6, seed=8)[:, 1:4]},
    {"table": numbers(6, 50, seed=8).T},
    {"points": numbers(50, 5, seed=9)[:, :3]},
    {"flags": torch.ones(50, dtype=torch.bool)},
    {"count": 3},
]


@pytest.mark.parametrize("threads", [1, 3])
def test_every_kind_of_argument_is_passed(threads):
    with using_threads(threads):
        for n in (50, 7, 1, 50):
            for change in CHANGES:
                inputs = [x[:n] if isinstance(x, torch.Tensor) else x for x in _inputs(**change)]
                expected, found = torch.zeros(2, n, 3)
                arguments = zip([*inputs, expected], _all_kinds.adj.args[1:], strict=True)
                wp.launch(_all_kinds, (n, 3), [0, *(_as_warp(x, arg.type) for x, arg in arguments)], device="cpu")
                launch(_all_kinds, (n, 3), [*inputs, found], grain=1)
                assert expected.isfinite().all() and torch.equal(found, expected), WARP_CHANGED


def _as_warp(x, kind):
    return wp.from_torch(x, dtype=kind.dtype) if isinstance(x, torch.Tensor) else x


def test_a_launch_without_a_tensor_is_refused():
    with pytest.raises(ValueError, match="tensor"):
        launch(_long, (1,), [3, 4.0])


def test_a_recorded_launch_keeps_no_tensor_alive():
    array = np.zeros(1000, np.float32)
    kept = weakref.ref(array)
    for _ in range(2):
        launch(_long, (1000,), [1, torch.from_numpy(array)])
    del array
    assert kept() is None


def test_a_recorded_launch_keeps_no_arrays_of_a_struct_alive():
    array = np.ones(3, np.float32)
    kept, change = weakref.ref(array), Change()
    change.factors = wp.from_torch(torch.from_numpy(array))
    points, sums = torch.zeros(2, 3), torch.zeros(2, 3)
    flags = torch.ones(2, dtype=torch.bool)
    inputs = [False, points, torch.zeros(2, 2), 1, change, wp.vec3i(1, 2, 3), flags, wp.mat33f(), 1.0, sums]
    launch(_all_kinds, (2, 3), inputs)
    launch(_all_kinds, (2, 3), inputs)
    del array, change, inputs
    gc.collect()
    assert kept() is None


def test_other_threads_run_while_a_kernel_runs():
    sums, counted, n = torch.zeros(1), [], 0
    launch(_long, (1,), [1, sums])
    worker = threading.Thread(target=lambda: launch(_long, (1,), [5_000_000, sums]) or counted.append(n))
    worker.start()
    while not counted:
        n += 1
    assert counted[0] > 1000, WARP_CHANGED
