"""The figures of the grid, and when they are updated."""

import numpy as np
import pytest

from tests.viewer.live import live_session, paused_after, trainer_of
from viewer.tools import occupancy
from viewer.tools.occupancy import GRID


@pytest.fixture
def session(ball, monkeypatch):
    monkeypatch.setattr(occupancy, "PERIOD", 0.0)
    return paused_after(live_session(ball, monkeypatch), steps=40)


def finish(session):
    while session.tick():
        pass
    return session.result(GRID)


def test_every_cell_is_counted_once(session):
    session.ask(GRID, 0.01)
    facts, grid = finish(session), trainer_of(session).grid
    assert facts.n_cells == grid.occs.numel()
    assert facts.n_empty == int((grid.occs < 0.0).sum())
    assert facts.step == session.status.step
    values = grid.occs.double().numpy()
    inside = (values > facts.edges[0]) & (values < facts.edges[-1])
    assert abs(int(facts.counts.sum()) - int(inside.sum())) <= 2


def test_cameras_are_counted_in_slices_until_none_is_left(session, monkeypatch):
    monkeypatch.setattr(occupancy, "SLICE_SECONDS", 0.0)
    session.ask(GRID, 0.01)
    shares = []
    while session.tick():
        if session.result(GRID) is not None:
            shares.append(session.result(GRID).counted)
    assert shares == sorted(shares) and 0.0 in shares and shares[-1] == 1.0 and len(set(shares)) > 5
    coverage, occupied = trainer_of(session).coverage, trainer_of(session).grid.grid_state(0.01).binaries
    counts = coverage.counts[occupied].numpy()
    facts = session.result(GRID)
    assert facts.seen_by == (counts.min(), np.sort(counts)[(len(counts) - 1) // 2], counts.max())
    assert 0 < facts.seen_by[2] <= 9


def test_with_a_threshold_above_all_values_no_cell_is_seen(session):
    session.ask(GRID, 0.01)
    assert finish(session).seen_by is not None
    trainer_of(session).grid.occs.clamp_(max=0.5)
    session.ask(GRID, 1.0)
    assert finish(session).seen_by is None


def test_an_unchanged_grid_is_examined_once_and_a_trained_one_again(session):
    session.ask(GRID, 0.01)
    first = finish(session)
    session.ask(GRID, 0.01)
    assert finish(session) is first
    session.resume()
    for _ in range(20):
        session.tick()
    assert session.result(GRID).step > first.step


def test_a_closed_panel_costs_nothing(session):
    session.ask(GRID, 0.01)
    session.ask(GRID, None)
    session.tick()
    assert not session.tick()


def test_another_scene_is_examined_anew(session):
    session.ask(GRID, 0.01)
    finish(session)
    session.reset()
    session.tick()
    assert session.result(GRID) is None or session.result(GRID).step <= 1
