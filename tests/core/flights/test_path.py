import dataclasses
import math

import pytest

from core.flights import path as paths
from core.flights.curve import Flight
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.cameras import look_at


def key(x: float, **more) -> Key:
    return Key(pose_values(look_at((x, 3.0, 1.0), (0.0, 0.0, 0.0)).numpy()), 0.7, **more)


def timed(n: int = 4) -> CameraPath:
    return CameraPath(tuple(key(float(i), at=2.0 * i) for i in range(n)), seconds=2.0 * n - 2.0, even=False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"c2w": (1.0,) * 12}, "16 finite numbers"),
        ({"c2w": (math.nan,) * 16}, "16 finite numbers"),
        ({"c2w": (2.0, 0, 0, 0, 0, 2.0, 0, 0, 0, 0, 2.0, 0, 0, 0, 0, 1.0)}, "rotation"),
        ({"c2w": (-1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0)}, "mirrors"),
        ({"fov_y": 0.0}, "between 0 and 180 degrees, got 0"),
        ({"fov_y": math.pi}, "between 0 and 180 degrees, got 180"),
        ({"fov_y": math.nan}, "between 0 and 180"),
        ({"time": 1.5}, "between 0 and 1"),
        ({"hold": -1.0}, "from 0 on"),
        ({"at": math.nan}, "from 0 on"),
    ],
)
def test_a_key_out_of_range_says_what_is_expected(values, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(key(0.0), **values)


@pytest.mark.parametrize(
    "values",
    [{"seconds": 0.0}, {"seconds": math.nan}, {"ease": 0.7}, {"up": (0.0, 0.0, 2.0)}, {"fps": 0.0}, {"width": 0}],
)
def test_a_path_out_of_range_is_refused(values):
    with pytest.raises(ValueError):
        dataclasses.replace(timed(), **values)


@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_new_key_finds_a_time_between_its_neighbours(index):
    grown = paths.inserted(timed(), index, key(9.0))
    times = [k.at for k in grown.keys]
    assert len(times) == 5 and times == sorted(set(times)) and times[0] == 0.0
    assert Flight(grown).seconds == times[-1] == grown.seconds


def test_a_dragged_key_stays_between_its_neighbours_and_keeps_all_others_in_place():
    before = tuple(Flight(timed()).arrivals)
    assert [k.at for k in paths.dragged(timed(), 1, 3.0, before).keys] == [0.0, 3.0, 4.0, 6.0]
    for seconds in (-5.0, 50.0):
        moved = paths.dragged(timed(), 1, seconds, before)
        assert 0.0 < moved.keys[1].at < 4.0
        Flight(moved)
    assert paths.dragged(timed(), 3, 9.0, before).seconds == 9.0


def test_dragging_in_an_even_path_keeps_the_present_times_of_the_others():
    even = CameraPath(tuple(key(x) for x in (0.0, 1.0, 4.0)), seconds=6.0)
    arrivals = tuple(Flight(even).arrivals)
    moved = paths.dragged(even, 1, 3.0, arrivals)
    assert not moved.even and [k.at for k in moved.keys] == [0.0, 3.0, pytest.approx(6.0)]


def test_reordering_keeps_the_times_in_order():
    moved = paths.reordered(timed(), 0, 2)
    assert [k.at for k in moved.keys] == [0.0, 2.0, 4.0, 6.0]
    assert [k.c2w for k in moved.keys] == [timed().keys[i].c2w for i in (1, 2, 0, 3)]


def test_a_longer_flight_keeps_the_shares_of_key_times_and_holds():
    path = paths.lasting(paths.changed(timed(), 1, hold=0.5), 12.0)
    assert [k.at for k in path.keys] == [0.0, 4.0, 8.0, 12.0]
    assert path.keys[1].hold == 1.0 and Flight(path).seconds == 12.0


def test_removing_the_last_key_ends_the_flight_earlier():
    assert paths.removed(timed(), 3).seconds == 4.0
