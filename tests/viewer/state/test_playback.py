import pytest

from viewer.state.playback import Playback


def test_while_paused_the_time_stays():
    assert Playback(0.3).after(9.0) == Playback(0.3)


def test_the_whole_sequence_takes_its_seconds():
    playback = Playback(0.0, playing=True, seconds=8.0)
    for _ in range(40):
        playback = playback.after(0.1)
    assert playback.time == pytest.approx(0.5) and playback.playing


@pytest.mark.parametrize("seconds", [2.5, 6.5, 1002.5])
def test_a_loop_wraps_around_however_late_it_is_updated(seconds):
    assert Playback(0.5, playing=True, seconds=4.0).after(seconds).time == pytest.approx(0.125)


def test_without_a_loop_it_stays_at_the_end_and_plays_from_the_start_again():
    ended = Playback(0.5, playing=True, seconds=4.0, loop=False).after(2.5)
    assert ended == Playback(1.0, playing=False, seconds=4.0, loop=False)
    assert ended.toggled() == Playback(0.0, playing=True, seconds=4.0, loop=False)


def test_stopping_keeps_the_time():
    assert Playback(0.7, playing=True).toggled() == Playback(0.7)
    assert Playback(0.7, playing=True).at(0.2) == Playback(0.2)


@pytest.mark.parametrize("wrong", [{"time": -0.1}, {"time": 1.1}, {"time": float("nan")}, {"seconds": 0.0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        Playback(**wrong)
