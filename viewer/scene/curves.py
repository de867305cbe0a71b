"""A loss curve of bounded length, and rates over the last seconds."""

from collections import deque

MOST_POINTS = 1000


class Curve:
    """A curve of bounded length: when full, every other point is dropped and new ones average twice as many values.

    `points` is a tuple of pairs (step, mean of the values since the last point); it is replaced, never changed.
    """

    def __init__(self) -> None:
        self.points: tuple[tuple[int, float], ...] = ()
        self._stride, self._count, self._sum = 1, 0, 0.0

    def add(self, step: int, value: float) -> None:
        self._count, self._sum = self._count + 1, self._sum + value
        if self._count < self._stride:
            return
        self.points += ((step, self._sum / self._count),)
        self._count, self._sum = 0, 0.0
        if len(self.points) > MOST_POINTS:
            self.points = self.points[1::2]
            self._stride *= 2

    def cut(self, step: int) -> None:
        """Drop the points after a step: training went back to it."""
        self.points = tuple(point for point in self.points if point[0] <= step)
        self._count, self._sum = 0, 0.0


class Rates:
    """Counts per second of wall time, averaged over the last seconds, or over the last event if that took longer."""

    def __init__(self, window: float = 3.0) -> None:
        self._window = window
        self._events: deque[tuple[float, tuple[float, ...]]] = deque()

    def add(self, now: float, *counts: float) -> None:
        """Something ended at `now`; the counts say how much it did."""
        self._events.append((now, counts))
        while len(self._events) > 2 and now - self._events[0][0] > self._window:
            self._events.popleft()

    def clear(self) -> None:
        """Forget all events: a pause begins."""
        self._events.clear()

    def per_second(self, now: float) -> tuple[float, ...] | None:
        """The rates, one per count; None before two events, and when nothing has ended for two windows."""
        if len(self._events) < 2 or now - self._events[-1][0] > max(2 * self._window, 2 * self._last_gap()):
            return None
        span = self._events[-1][0] - self._events[0][0]
        recent = [counts for _, counts in self._events][1:]
        return tuple(sum(column) / max(span, 1e-9) for column in zip(*recent, strict=True))

    def _last_gap(self) -> float:
        return self._events[-1][0] - self._events[-2][0]
