import dataclasses

import numpy as np
import pytest
import torch

from core.samplers.histogram import histogram_of
from viewer.presentation.occupancy_plot import (
    LIMITS,
    OFF_POSITION,
    bars,
    position_of,
    position_text,
    seen_by_text,
    threshold_at,
)
from viewer.tools.occupancy import GridFacts


def facts(**changes) -> GridFacts:
    found = histogram_of(10.0 ** (8.0 * torch.rand(5000, generator=torch.Generator().manual_seed(0)) - 5.0))
    whole = GridFacts(
        step=3, edges=found.edges.numpy(), counts=found.counts.numpy(), n_empty=0, n_below=0, n_beyond=0, counted=1.0,
        seen_by=(3, 7, 9),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


@pytest.mark.parametrize("threshold", [0.0, 1e-5, 0.001, 0.0123, 0.5, 1.0])
def test_a_threshold_is_recovered_from_its_place(threshold):
    assert threshold_at(position_of(threshold)) == pytest.approx(threshold, rel=5e-3)
    assert LIMITS[0] < position_of(threshold) < LIMITS[1]


def test_places_beyond_the_thresholds_range_give_its_ends():
    assert threshold_at(LIMITS[0]) == threshold_at(OFF_POSITION) == 0.0
    assert threshold_at(LIMITS[1]) == 1.0
    assert threshold_at(-5.0) == 1e-5


def test_bars_are_split_at_the_threshold_and_lose_no_cell():
    whole = facts()
    places, below, above = bars(whole, 0.01)
    np.testing.assert_array_equal(np.add(below, above), whole.counts)
    assert max(p for p, n in zip(places, below, strict=True) if n) < -2.0
    assert min(p for p, n in zip(places, above, strict=True) if n) > -2.0
    assert sum(bars(whole, 0.0)[1]) == 0


def test_the_text_about_cameras_says_what_is_known():
    assert seen_by_text(None, 9) == ""
    assert "43 %" in seen_by_text(facts(counted=0.43, seen_by=None), 9)
    assert "3 to 9 of 9" in seen_by_text(facts(), 9) and "median 7" in seen_by_text(facts(), 9)
    assert "seen by 9 of 9" in seen_by_text(facts(seen_by=(9, 9, 9)), 9)
    assert "No cell" in seen_by_text(facts(seen_by=None), 9)


def test_the_position_of_a_slice_is_given_in_scene_units():
    box = (-1.0, 0.0, 2.0, 1.0, 4.0, 3.0)
    assert position_text("x", 0.0, box, 1) == "x = -1 units"
    assert position_text("y", 0.75, box, 1) == "y = 3 units"
    assert position_text("z", 1.0, box, 3) == "z = 4.5 units", "the coarsest of three levels is four times as large"
