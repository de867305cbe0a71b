import pytest

from viewer.state.timeline import Timeline

LINE = Timeline(seconds=8.0, width=420.0, margin=10.0)


def test_places_and_times_are_each_others_inverse():
    assert (LINE.x_of(0.0), LINE.x_of(8.0)) == (10.0, 410.0)
    assert LINE.seconds_at(LINE.x_of(3.3)) == pytest.approx(3.3)
    assert (LINE.seconds_at(-50.0), LINE.seconds_at(999.0)) == (0.0, 8.0)


def test_a_key_dragged_beyond_the_end_makes_the_flight_longer():
    assert LINE.dragged_to(450.0) == pytest.approx(8.8)
    assert LINE.dragged_to(-50.0) == 0.0


def test_a_press_takes_the_nearest_key_within_reach():
    arrivals = (0.0, 2.0, 2.1, 8.0)
    assert LINE.key_at(LINE.x_of(2.04), arrivals) == 1
    assert LINE.key_at(LINE.x_of(2.09), arrivals) == 2
    assert LINE.key_at(LINE.x_of(5.0), arrivals) is None
    assert LINE.key_at(100.0, ()) is None


@pytest.mark.parametrize("seconds", [0.3, 1.0, 6.0, 45.0, 3600.0])
def test_ticks_are_round_and_few(seconds):
    ticks = Timeline(seconds, 420.0, 10.0).ticks()
    assert 3 <= len(ticks) <= 14 and ticks[0] == 0.0 and ticks[-1] <= seconds * 1.001
