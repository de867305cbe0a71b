"""Splitting work over threads: order, gradient mode, nested tasks, and the same results as on one thread."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from core.geometry.rays import Rays
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.march_start import intersect_box
from core.kernels.runtime import launch as launching
from core.kernels.runtime.launch import lanes_on, run_together, telling_loads, using_threads
from core.kernels.spherical_harmonics import beside_harmonics

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    with using_threads(request.param):
        yield request.param


def test_results_come_in_order_and_every_task_runs_once(threads):
    ran = []
    assert run_together([lambda i=i: ran.append(i) or i * i for i in range(40)]) == [i * i for i in range(40)]
    assert sorted(ran) == list(range(40))


@pytest.mark.parametrize("learning", [False, True])
def test_tasks_run_in_the_callers_gradient_mode(threads, learning):
    with torch.set_grad_enabled(learning):
        assert run_together([torch.is_grad_enabled] * 12) == [learning] * 12


def test_a_task_may_split_work_itself(threads):
    def outer(i):
        assert lanes_on(CPU) == 1 or threads == 1
        return sum(run_together([lambda j=j: i * j for j in range(6)]))

    assert run_together([lambda i=i: outer(i) for i in range(12)]) == [15 * i for i in range(12)]
    assert lanes_on(CPU) == threads


def test_a_failing_task_fails_the_call_after_all_tasks_ended_and_the_next_call_works(threads):
    ended = []

    def slow():
        time.sleep(0.05)
        ended.append(time.monotonic())

    with pytest.raises(ZeroDivisionError):
        run_together([lambda: 1 / 0, slow, slow, slow, lambda: 1 / 0])
    left = time.monotonic()
    time.sleep(0.2)
    assert all(at <= left for at in ended)
    assert run_together([lambda: 1] * 4) == [1] * 4
    assert lanes_on(CPU) == threads


def test_concurrent_launches_do_not_mix_their_arguments():
    levels = level_layout(4, 4, 64, 10)
    table = torch.randn(levels.n_entries, 2, generator=torch.Generator().manual_seed(0))
    places = [torch.rand(500 + 100 * i, 3, generator=torch.Generator().manual_seed(i)) for i in range(8)]
    expected = [hash_encode(x, table, levels.info) for x in places]
    wrong = []

    def work(i):
        for _ in range(30):
            if not torch.equal(hash_encode(places[i], table, levels.info), expected[i]):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_kernel_may_be_launched_with_new_sizes_and_tensors_every_time():
    levels = level_layout(3, 4, 16, 10)
    table = torch.ones(levels.n_entries, 2)
    for n in (3, 70_000, 1, 900):
        found = hash_encode(torch.rand(n, 3), table, levels.info)
        torch.testing.assert_close(found, torch.ones(n, 6))


def test_one_row_of_a_wider_table_does_not_fix_the_stride_of_later_ones():
    wide, directions = torch.rand(6, 8), torch.nn.functional.normalize(torch.randn(6, 3), dim=1)

    def features_beside_harmonics(n):
        return beside_harmonics(wide[:n, :5].contiguous(), directions[:n])[:, :5]

    with ThreadPoolExecutor(1) as fresh:  # a thread that has recorded nothing yet
        for n in (1, 6, 1):  # torch calls a single row contiguous whatever its stride
            assert torch.equal(fresh.submit(features_beside_harmonics, n).result(), wide[:n, :5])


def test_vector_arguments_are_updated_at_every_launch():
    rays = Rays(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]]))
    for far in (1.0, 2.0, 1.0):
        _, t_maxs = intersect_box(rays, (-1.0, -1.0, -1.0, far, 1.0, 1.0))
        assert t_maxs.tolist() == [far]


def test_a_kernels_first_launch_is_told(monkeypatch):
    monkeypatch.setattr(launching, "_here", launching._Here())
    told, features = [], torch.rand(8, 2)
    with telling_loads(told.append):
        beside_harmonics(features, torch.ones(8, 3))
        beside_harmonics(features, torch.ones(8, 3))
    assert told == ["_append_harmonics", None]
    monkeypatch.setattr(launching, "_here", launching._Here())
    beside_harmonics(features, torch.ones(8, 3))
    assert len(told) == 2
