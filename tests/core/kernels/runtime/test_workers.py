"""The thread pool: concurrent callers, busy, closed and resized pools, and what stays alive afterwards."""

import gc
import signal
import subprocess
import sys
import threading
import time
import weakref
from functools import partial

import pytest
import torch

from core.kernels.runtime.launch import run_together, using_threads
from core.kernels.runtime.workers import Workers


@pytest.fixture
def workers():
    pool = Workers(2)
    yield pool
    pool.close()


class Result:
    pass


def together(n):
    """n tasks that end only once all of them run at the same time."""
    barrier = threading.Barrier(n)
    return [lambda: barrier.wait(timeout=20)] * n


def test_tasks_run_at_once_on_all_threads(workers):
    assert sorted(workers.run(together(3))) == [0, 1, 2]


def test_no_tasks_give_no_results(workers):
    assert workers.run([]) == []


def test_many_callers_at_once_get_their_own_results_and_failures(workers):
    wrong = []

    def call(caller, i):
        expected = [(caller, i, j) for j in range(1 + i % 5)]
        tasks = [partial(tuple, x) for x in expected]
        if workers.run(tasks) != expected:
            wrong.append((caller, i))
        try:
            workers.run([*tasks, lambda: {}[caller, i]])
            wrong.append((caller, i, "no failure"))
        except KeyError as error:
            if error.args != ((caller, i),):
                wrong.append(error)

    def call_often(caller):
        for i in range(100):
            call(caller, i)

    callers = [threading.Thread(target=call_often, args=(caller,)) for caller in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_a_caller_does_not_wait_for_threads_busy_with_another_callers_tasks(workers):
    started, may_end = threading.Barrier(4), threading.Event()

    def busy():
        started.wait(timeout=20)
        assert may_end.wait(timeout=20)

    other = threading.Thread(target=workers.run, args=([busy] * 3,))
    other.start()
    started.wait(timeout=20)
    assert workers.run([lambda i=i: i for i in range(8)]) == list(range(8))
    may_end.set()
    other.join()


def test_closed_threads_leave_the_tasks_to_the_caller():
    workers = Workers(2)
    workers.close()
    assert workers.run([threading.current_thread] * 3) == [threading.current_thread()] * 3


@pytest.mark.parametrize("by_caller", [True, False])
def test_after_a_failure_no_task_starts(workers, by_caller):
    caller, both, began = threading.current_thread(), threading.Barrier(3), []

    def first():
        both.wait(timeout=20)  # the caller and two threads have a task each
        if (threading.current_thread() is caller) == by_caller:
            raise ZeroDivisionError
        time.sleep(0.1)

    with pytest.raises(ZeroDivisionError):
        workers.run([first] * 3 + [lambda: began.append(1)] * 50)
    assert not began


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a system with interval timers")
def test_an_interrupted_caller_waits_for_its_tasks(workers):
    began, ended = threading.Event(), threading.Event()

    def slow():
        began.set()
        time.sleep(0.5)
        ended.set()

    def interrupt(*_):
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            workers.run([lambda: began.wait(5.0), slow])
    finally:
        signal.signal(signal.SIGALRM, former)
    assert ended.is_set()


def test_a_failure_keeps_its_traceback_and_is_not_kept_alive(workers):
    def breaks():
        kept.append(weakref.ref(mine := Result()))
        raise ValueError(f"no {type(mine).__name__}")

    kept = []
    gc.disable()
    try:
        with pytest.raises(ValueError, match="no Result") as caught:
            workers.run([breaks, lambda: 1, lambda: 2])
        assert caught.traceback[-1].name == "breaks"
        del caught
        workers.run(together(3))  # now all threads have dropped their earlier tasks
        assert kept[0]() is None
    finally:
        gc.enable()


def test_idle_threads_keep_no_results_alive(workers):
    results = workers.run([Result] * 6)
    kept = [weakref.ref(x) for x in results]
    del results
    workers.run(together(3))
    assert [x() for x in kept] == [None] * 6


def test_threads_do_not_keep_the_gradient_mode_of_their_last_task(workers):
    all_three = threading.Barrier(3)

    def mode():
        all_three.wait(timeout=20)
        return torch.is_grad_enabled()

    for learning in (False, True, False):
        with torch.set_grad_enabled(learning):
            assert workers.run([mode] * 3) == [learning] * 3


def test_every_thread_flushes_denormals_to_zero():
    barrier = threading.Barrier(3)

    def product():
        barrier.wait(timeout=20)
        return float(torch.full((1,), 1e-30) * 1e-10)

    with using_threads(3):
        assert run_together([product] * 3) == [0.0] * 3


def test_the_pool_may_be_resized_while_others_use_it():
    wrong, resized = [], threading.Event()

    def slow(i):
        time.sleep(0.001)  # releases the GIL to the other threads
        return i

    def call():
        while not resized.is_set():
            if run_together([partial(slow, i) for i in range(5)]) != list(range(5)):
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for n in (1, 3, 2, 4) * 3:
        with using_threads(n):
            assert run_together([partial(slow, i) for i in range(4)]) == list(range(4))
    resized.set()
    for caller in callers:
        caller.join()
    assert not wrong


def test_threads_of_a_smaller_pool_end():
    with using_threads(4):
        assert _n_slices() == 3
    with using_threads(1):
        assert _n_slices() == 0


def _n_slices():
    return sum(thread.name.startswith("slice") for thread in threading.enumerate())


def test_a_program_exits_while_threads_are_idle():
    code = "from core.kernels.runtime.launch import *; set_threads(4); print(run_together([lambda: 1] * 8))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, str([1] * 8), "")
