"""The edited place and the trained one."""

import pytest

from core.geometry.boxes import scale_box
from core.geometry.placement import Place
from viewer.state.placement_draft import STEP, Draft

TRAINED = Place((-1.0, -1.0, -1.0, 1.0, 1.0, 2.0), 2, 0.3)


def draft() -> Draft:
    found = Draft()
    found.follow(TRAINED)
    return found


def test_without_a_scene_nothing_is_edited():
    empty = Draft()
    for change in (empty.larger, empty.smaller, empty.revert, lambda: empty.set_number(0, 3.0)):
        change()
    assert empty.place is None and not empty.changed and empty.problem == "" and empty.reach_text() == ""


def test_it_begins_with_the_trained_place_and_reverts_to_it():
    edited = draft()
    assert edited.place == TRAINED and not edited.changed
    edited.set(n_levels=4, near_plane=0.0)
    edited.set_number(3, 2.5)
    assert edited.place == Place((-1.0, -1.0, -1.0, 2.5, 1.0, 2.0), 4, 0.0) and edited.changed
    edited.revert()
    assert edited.place == TRAINED


def test_larger_and_smaller_keep_the_middle():
    edited = draft()
    edited.larger()
    assert edited.place.box == pytest.approx(scale_box(TRAINED.box, STEP))
    edited.smaller()
    assert edited.place.box == pytest.approx(TRAINED.box, abs=1e-4)


def test_another_up_keeps_the_edits_and_another_place_discards_them():
    edited = draft()
    edited.larger()
    box = edited.place.box
    edited.follow(TRAINED._replace(up=(1.0, 0.0, 0.0)))
    assert edited.place == TRAINED._replace(box=box, up=(1.0, 0.0, 0.0))
    edited.follow(TRAINED._replace(box=box))
    assert not edited.changed
    edited.larger()
    edited.follow(None)
    assert edited.place is None


def test_a_fit_replaces_everything_but_up():
    edited = draft()
    edited.take(Place((0.0, 0.0, 0.0, 1.0, 1.0, 1.0), 5, 0.1, (0.0, -1.0, 0.0)))
    assert edited.place == Place((0.0, 0.0, 0.0, 1.0, 1.0, 1.0), 5, 0.1, TRAINED.up)


def test_an_invalid_box_says_why():
    edited = draft()
    edited.set_number(0, 4.0)
    assert "4 to 1 along x" in edited.problem and edited.state_text().startswith("The box must")


def test_it_says_whether_it_is_trained_in():
    edited = draft()
    assert edited.state_text() == ""
    edited.set(n_levels=4)
    assert edited.state_text() == "Nothing is learnt in this place yet."
    edited.larger()
    assert "grey box" in edited.state_text()


def test_it_says_how_far_the_levels_reach():
    edited = draft()
    assert "4 x 4 x 6 units" in edited.reach_text()
    edited.set(n_levels=1)
    assert edited.reach_text() == "Nothing outside this box is learnt."
