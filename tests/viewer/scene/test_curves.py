from itertools import pairwise

import pytest

from viewer.scene.curves import MOST_POINTS, Curve, Rates


def test_a_short_curve_has_every_value():
    curve = Curve()
    for step in range(10):
        curve.add(step, 0.5 * step)
    assert curve.points == tuple((step, 0.5 * step) for step in range(10))


def test_a_long_curve_stays_short_and_reaches_the_end():
    curve = Curve()
    for step in range(20_000):
        curve.add(step, float(step))
    steps = [step for step, _ in curve.points]
    assert MOST_POINTS / 2 <= len(steps) <= MOST_POINTS
    assert steps == sorted(set(steps))
    assert steps[0] < 100 and steps[-1] > 19_900
    gaps = [b - a for a, b in pairwise(steps)]
    assert max(gaps) <= 2 * min(gaps)


def test_points_of_a_thinned_curve_are_means():
    curve = Curve()
    for step in range(4 * MOST_POINTS):
        curve.add(step, float(step % 2))
    assert curve.points[-1][1] == 0.5


def test_points_are_never_changed_once_handed_out():
    curve = Curve()
    curve.add(1, 1.0)
    points = curve.points
    curve.add(2, 2.0)
    assert points == ((1, 1.0),)


def test_rates_are_counts_over_time():
    rates = Rates(window=1.0)
    for i in range(50):
        rates.add(0.1 * i, 1, 200)
    assert rates.per_second(4.9) == pytest.approx((10.0, 2000.0))


def test_rates_follow_a_change_within_a_second():
    rates = Rates(window=1.0)
    for i in range(50):
        rates.add(0.1 * i, 1)
    for i in range(101):
        rates.add(5.0 + 0.01 * i, 1)
    assert rates.per_second(6.0)[0] == pytest.approx(100.0, rel=0.02)


def test_slow_events_have_a_rate_too():
    rates = Rates(window=1.0)
    for i in range(4):
        rates.add(5.0 * i, 1)
    assert rates.per_second(15.0) == pytest.approx((0.2,))


def test_there_is_no_rate_without_events_or_long_after_the_last_one():
    rates = Rates(window=1.0)
    assert rates.per_second(0.0) is None
    rates.add(0.0, 1)
    assert rates.per_second(0.0) is None
    rates.add(0.1, 1)
    assert rates.per_second(0.2) is not None
    assert rates.per_second(5.0) is None
    rates.clear()
    assert rates.per_second(0.2) is None
