"""The main loop's pace, on a simulated clock."""

import pytest

from viewer.widgets import pace
from viewer.widgets.pace import FASTEST, IDLE, IDLE_AFTER, SLOWEST, Pace


class Clock:
    """A clock that advances only by sleeping and by simulated work."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def periods(clock, work: float, seconds: float, used: bool = True, news=lambda: False) -> list[float]:
    """The duration of each frame, each of which works for `work` seconds."""
    loop, found, end = Pace(), [], clock.now + seconds
    while clock.now < end:
        began, _ = loop.begin()
        clock.now += work
        loop.rest(used, news)
        found.append(clock.now - began)
    return found


@pytest.mark.parametrize("work, period", [(0.001, FASTEST), (0.007, 0.021), (0.02, SLOWEST), (0.05, 0.05)])
def test_it_sleeps_twice_as_long_as_it_works_within_limits(clock, work, period):
    assert periods(clock, work, 5.0)[-1] == pytest.approx(period, rel=0.01)


def test_an_idle_window_slows_down_until_there_is_news(clock):
    found = periods(clock, 0.001, 10.0, used=False)
    assert found[-1] == pytest.approx(IDLE, abs=FASTEST)
    assert periods(clock, 0.001, 10.0, used=False, news=lambda: True)[-1] == pytest.approx(FASTEST)


def test_it_stays_fast_for_a_while_after_use(clock):
    loop, used_until = Pace(), clock.now + 2.0
    slow_at = None
    while slow_at is None:
        began, _ = loop.begin()
        loop.rest(began < used_until, lambda: False)
        if clock.now - began > 2.0 * FASTEST:
            slow_at = began
    assert slow_at - used_until == pytest.approx(IDLE_AFTER, abs=2.0 * FASTEST)


def test_frames_per_second_are_counted(clock):
    loop = Pace()
    for _ in range(300):
        loop.begin()
        clock.now += 0.02
    assert loop.fps == pytest.approx(50.0, rel=0.01)
