"""Places: `up` turned from axis to axis, overrides, and impossible places that are refused."""

import math

import pytest

from core.geometry.boxes import scale_box
from core.geometry.placement import (
    AXES,
    FLATTEST,
    Place,
    axis_name,
    find_problem,
    next_up,
    outermost_box,
    override_place,
    up_text,
)

BOX = (-1.0, -2.0, 0.5, 1.0, 2.0, 1.5)


def test_each_level_is_twice_as_large_as_the_one_before():
    assert outermost_box(Place(BOX)) == BOX
    assert outermost_box(Place(BOX, 3)) == scale_box(BOX, 4.0)


def test_up_cycles_through_all_axes():
    up, names = AXES["+z"], []
    for _ in range(6):
        names.append(axis_name(up))
        up = next_up(up)
    assert names == ["+z", "-z", "+x", "-x", "+y", "-y"] and up == AXES["+z"]


def test_a_tilted_up_turns_to_the_nearest_axis_first():
    tilted = (0.2, -math.sqrt(0.96), 0.0)
    assert axis_name(tilted) == "" and up_text(tilted) == "(0.2 -0.9798 0)"
    assert up_text(next_up(tilted)) == "-y"


def test_overrides_replace_the_place_that_was_found():
    found = Place(BOX, 2, 0.3, AXES["-y"])
    assert override_place(found) == found
    other = (0.0, 0.0, 0.0, 1.0, 2.0, 3.0)
    assert override_place(found, box=other, levels=5, up="+x") == Place(other, 5, 0.3, AXES["+x"])
    assert override_place(found, levels=1) == found._replace(n_levels=1)
    for change in ({"box": BOX[::-1]}, {"levels": 0}, {"levels": 7}):
        with pytest.raises(ValueError, match=r"box|levels"):
            override_place(found, **change)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Place((1.0, -2.0, 0.5, -1.0, 2.0, 1.5)), "begin before it ends, got 1 to -1 along x"),
        (Place((-1.0, -2.0, 0.5, 1.0, 2.0, 0.5)), "0.5 to 0.5 along z"),
        (Place((0.0, 0.0, 0.0, 1.0, 1.0, 0.9 / FLATTEST)), "less flat"),
        (Place((0.0, 0.0, 0.0, 1.0, 1.0, math.inf)), "finite"),
        (Place((0.0, 0.0, 0.0, 1.0, 1.0, 1.0), 1, math.nan), "finite"),
        (Place((0.0, 0.0, 0.0, 1e7, 1e7, 1e7)), "too large"),
        (Place((1e7, 0.0, 0.0, 1e7 + 1.0, 1.0, 1.0)), "far from the origin"),
        (Place(BOX, 7), "1 to 6 levels"),
        (Place(BOX, 1, -0.1), "near plane"),
    ],
)
def test_an_impossible_place_says_why_in_one_line(place, message):
    assert message in find_problem(place) and "\n" not in find_problem(place)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_ordinary_boxes_in_any_unit_are_accepted(scale):
    assert find_problem(Place(tuple(scale * x for x in BOX), 6, 0.1 * scale)) == ""
