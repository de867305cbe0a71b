"""Threads that tasks are shared out to.

`concurrent.futures` takes 40 to 70 us to hand over two tasks and to learn that they are done, which is more than many a
kernel runs; and it waits for each thread that it asked for help, even if nothing was left to do when that one woke up.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

T = TypeVar("T")

_BACKLOG = 4
"""So many jobs wait for each thread at most: those that their callers finished alone still hold what they gave."""


class _Here(threading.local):
    is_sharing = False


_here = _Here()


def is_sharing() -> bool:
    """Whether this thread works on one of several tasks already."""
    return _here.is_sharing


class Workers:
    """Threads that wait for tasks.

    They have the floating-point modes of the thread that makes them, and end with the program at the latest.
    """

    def __init__(self, n: int):
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=_serve, args=(self._jobs,), name=f"slice_{i}", daemon=True) for i in range(n)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: list[Callable[[], T]]) -> list[T]:
        """Run tasks on these threads and on the calling one, and give their results in order.

        Threads that are busy, or ended, are not waited for: the caller takes what they don't.

        Raises:
            What a task raised, once no task runs any more. After the first failure no task begins.
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
        """End the threads, once each has done what it is at."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()


def _serve(jobs: SimpleQueue) -> None:
    _here.is_sharing = True
    while (help_with := jobs.get()) is not None:
        help_with()
        del help_with  # a thread that waits must not keep what its last tasks gave


class _Job:
    """Some tasks, which any number of threads take in turn."""

    def __init__(self, tasks: list[Callable[[], Any]]):
        self._n_tasks = len(tasks)
        self._results: list[Any] = [None] * len(tasks)
        self._waiting = iter(enumerate(tasks))
        self._is_learning = torch.is_grad_enabled()
        self._reports: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    def help(self) -> None:
        """Work on another thread than the caller's."""
        if torch.is_grad_enabled() != self._is_learning:
            torch.set_grad_enabled(self._is_learning)
        self.work()

    def work(self) -> None:
        """Take tasks until none waits; report how many were taken or, after a failure, dropped."""
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
        """What the tasks gave, once all have ended."""
        failure, error, n_left = None, None, self._n_tasks
        while n_left:
            try:
                n, error = self._reports.get()
            except BaseException as interrupt:  # others still work on what is the caller's: it must not go on yet
                n, error = 0, interrupt
            n_left -= n
            failure = error if failure is None else failure
        if failure is not None:
            try:
                raise failure
            finally:
                del failure, error  # their tracebacks hold this frame
        return self._results
