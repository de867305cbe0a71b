import math

import pytest

from core.config.march import MarchSettings
from core.flights.album import Album, Bookmark
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.cameras import look_at
from viewer.protocol.requests import Pose
from viewer.state.flight_draft import FlightDraft


def pose(x: float, time=None) -> Pose:
    return Pose(pose_values(look_at((x, 3.0, 1.0), (0.0, 0.0, 0.0)).numpy()), 0.7, time)


def draft(n: int = 3) -> FlightDraft:
    made = FlightDraft(Album())
    for x in range(n):
        made.add_key(pose(float(x)))
    return made


def places(made: FlightDraft) -> list[float]:
    return [round(float(key.position[0]), 6) for key in made.path.keys]


def test_keys_are_appended_or_put_behind_the_selected_one():
    made = draft()
    assert places(made) == [0.0, 1.0, 2.0] and made.selected == 2
    made.selected = 0
    made.add_key(pose(0.5))
    assert places(made) == [0.0, 0.5, 1.0, 2.0] and made.selected == 1
    assert made.position == pytest.approx(made.flight.arrivals[1])


def test_one_key_is_no_flight_yet_and_says_so():
    made = draft(1)
    assert made.flight is None and "two keys" in made.problem and made.pose() is None
    made.toggle()
    assert not made.playing
    assert made.trail() is not None and made.trail().points == ()


def test_every_edit_is_undone_and_redone():
    made = draft()
    before = made.album
    made.change_key(hold=0.5)
    made.place_key(pose(5.0))
    made.move_key(2, 4.0)
    made.reorder_key(-1)
    made.set_seconds(9.0)
    made.change_path(closed=True, ease=0.25)
    made.drag_key(1, 3.0)
    made.drag_key(1, 3.5)
    made.settle()
    made.remove_key()
    made.add_bookmark(pose(7.0), MarchSettings(), "")
    made.rename_bookmark(0, "roof")
    made.remove_bookmark(0)
    after = made.album
    for _ in range(11):
        made.undo()
    assert made.album == before
    for _ in range(11):
        made.redo()
    assert made.album == after


def test_playing_goes_round_or_stops_at_the_end():
    made = draft()
    made.toggle()
    made.advance(2.0)
    assert made.playing and made.position == pytest.approx(2.0)
    made.advance(5.0)
    assert made.playing and made.position == pytest.approx(1.0)
    made.loop = False
    made.advance(9.0)
    assert not made.playing and made.position == 6.0
    made.toggle()
    assert made.playing and made.position == 0.0


def test_the_pose_is_on_the_path_with_its_time():
    made = FlightDraft(Album())
    for x in (0.0, 1.0):
        made.add_key(pose(x, time=x))
    made.position = 6.0
    assert made.pose().time == 1.0 and made.pose().c2w[3] == pytest.approx(1.0)
    assert made.pose().fov_y == pytest.approx(0.7)


def test_a_value_out_of_range_changes_nothing():
    made = draft()
    before = made.album
    for change in (
        lambda: made.change_key(fov_y=math.pi), lambda: made.set_seconds(0.0), lambda: made.change_path(ease=3.0),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            change()
    assert made.album == before


def test_an_opened_path_brings_its_bookmarks_along_and_can_be_undone():
    made = draft()
    made.add_bookmark(pose(1.0), None, "")
    keys = tuple(Key(pose(x).c2w, 0.5) for x in (4.0, 5.0))
    made.take(Album((Bookmark(keys[0]),), CameraPath(keys)))
    assert places(made) == [4.0, 5.0] and len(made.album.bookmarks) == 2 and made.selected is None
    made.undo()
    assert places(made) == [0.0, 1.0, 2.0]


def test_another_up_is_followed_without_an_edit():
    made = draft()
    made.turn_up((0.0, 1.0, 0.0))
    assert made.path.up == (0.0, 1.0, 0.0)
    made.undo()
    assert len(made.path.keys) == 2
