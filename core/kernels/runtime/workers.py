"""A thread pool with little overhead.

`concurrent.futures` takes 40 to 70 us to hand over two tasks and to learn that they are done, which is longer than many
kernels run; and it waits for every thread that it woke, even if nothing was left to do by then.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

T = TypeVar("T")

_BACKLOG = 4
"""Most jobs queued per thread: a queued job keeps its results alive even after its caller has finished it alone."""


class _Here(threading.local):
    is_sharing = False


_here = _Here()


def is_sharing() -> bool:
    """Whether this thread is already working on one of several tasks."""
    return _here.is_sharing


class Workers:
    """Threads that wait for tasks.

    They inherit the floating-point modes of the thread that creates them, and end with the program at the latest.
    """

    def __init__(self, n: int):
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=_serve, args=(self._jobs,), name=f"slice_{i}", daemon=True) for i in range(n)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: list[Callable[[], T]]) -> list[T]:
        """Run tasks on these threads and on the calling one; returns their results in order.

        It does not wait for threads that are busy or have ended: the caller runs the tasks that they don't take.

        Raises:
            The first exception of a task, once no task is running. No further task starts after it.
        """
        job = _Job(tasks)
        n_threads = len(self._threads)
        for _ in range(min(n_threads, len(tasks) - 1, _BACKLOG * n_threads - self._jobs.qsize())):
            self._jobs.put(job.help)
        _here.is_sharing = True
        try:
            job.work()
        finally:
            _here.is_sharing = False
        return job.results()

    def close(self) -> None:
        """End the threads once each has finished its current job."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()


def _serve(jobs: SimpleQueue) -> None:
    _here.is_sharing = True
    while (help_with := jobs.get()) is not None:
        help_with()
        del help_with  # an idle thread must not keep the results of its last tasks alive


class _Job:
    """A list of tasks that any number of threads take from."""

    def __init__(self, tasks: list[Callable[[], Any]]):
        self._n_tasks = len(tasks)
        self._results: list[Any] = [None] * len(tasks)
        self._waiting = iter(enumerate(tasks))
        self._grad_enabled = torch.is_grad_enabled()
        self._reports: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    def help(self) -> None:
        """Work on a pool thread, in the caller's gradient mode."""
        if torch.is_grad_enabled() != self._grad_enabled:
            torch.set_grad_enabled(self._grad_enabled)
        self.work()

    def work(self) -> None:
        """Run tasks until none is waiting; report how many were run or, after a failure, dropped."""
        n = 0
        try:
            for i, task in self._waiting:
                n += 1
                self._results[i] = task()
        except BaseException as error:
            self._reports.put((n + sum(1 for _ in self._waiting), error))
        else:
            self._reports.put((n, None))

    def results(self) -> list:
        """The results of all tasks, once they have ended."""
        failure, error, n_left = None, None, self._n_tasks
        while n_left:
            try:
                n, error = self._reports.get()
            except BaseException as interrupt:  # other threads still use the caller's memory, so wait for them first
                n, error = 0, interrupt
            n_left -= n
            failure = error if failure is None else failure
        if failure is not None:
            try:
                raise failure
            finally:
                del failure, error  # their tracebacks hold this frame
        return self._results
