"""Collapses as the session reports them, and the remedies that the window offers."""

from dataclasses import replace

import pytest
import torch

from core.errors import CollapseKind
from tests.viewer.live import ask, errors_of, trainer_of
from viewer.protocol.rescues import Rescue, label, ways_out
from viewer.protocol.runs import Collapse
from viewer.protocol.status import State


@pytest.fixture(autouse=True)
def quick_proof(monkeypatch):
    """Shortens the time after which a state counts as good."""
    monkeypatch.setattr("core.training.rollback.PERIOD", 0.0)
    monkeypatch.setattr("core.training.rollback.PROOF_STEPS", 20)


def train(session, steps):
    for _ in range(steps):
        session.tick()


def until_failed(session, most_ticks=200):
    for _ in range(most_ticks):
        session.tick()
        if session.status.state is State.FAILED:
            return session.status.collapse
    raise AssertionError("training did not collapse")


def newest_loss(session):
    """The mean of the last 20 losses: a single one is noisy."""
    losses = [loss for _, loss in session.status.losses[-20:]]
    return sum(losses) / len(losses)


def poison(session):
    torch.nn.init.constant_(trainer_of(session).learning_field.table, torch.nan)


def test_nan_is_reported_with_its_step_and_training_goes_back(session):
    train(session, 60)
    loss = newest_loss(session)
    poison(session)
    collapse = until_failed(session)
    assert collapse.kind is CollapseKind.NOT_FINITE
    assert collapse.since == 61
    assert 20 <= collapse.last_good <= 40
    assert ways_out(collapse, changed=False) == (Rescue.GO_BACK,)
    session.rescue(Rescue.GO_BACK)
    session.tick()
    assert (session.status.state, session.status.collapse) == (State.TRAINING, None)
    assert session.status.step == collapse.last_good + 1
    assert [step for step, _ in session.status.losses] == list(range(1, collapse.last_good + 2))
    (notice,) = session.take_notices()
    assert f"Back at step {collapse.last_good}, with a learning rate of" in notice.text
    train(session, 60)
    assert newest_loss(session) < 1.2 * loss


def test_shared_thresholds_that_empty_the_grid_are_lowered(session):
    train(session, 20)
    session.set_training_march(replace(session.status.march, near_plane=0.0, occ_thre=1.0, render_step_size=1e-3))
    collapse = until_failed(session)
    assert collapse.kind is CollapseKind.EMPTY_GRID
    assert ways_out(collapse, changed=False)[0] is Rescue.LOWER
    session.rescue(Rescue.LOWER)
    train(session, 60)
    assert session.status.state is State.TRAINING
    assert session.status.march.occ_thre < 1.0
    assert errors_of(session) == []


def test_planes_that_leave_training_no_sample_are_reverted(session):
    train(session, 60)
    own = session.status.march
    session.set_training_march(replace(own, far_plane=0.01))
    assert until_failed(session).kind is CollapseKind.NO_SAMPLES
    session.rescue(Rescue.GO_BACK)
    train(session, 60)
    assert session.status.state is State.TRAINING
    assert session.status.march == own


def test_resetting_changed_thresholds_is_offered_first(session):
    own = session.status.march
    session.set_training_march(replace(own, near_plane=50.0))
    collapse = until_failed(session)
    assert ways_out(collapse, changed=True)[0] is Rescue.OWN
    session.rescue(Rescue.OWN)
    train(session, 60)
    assert session.status.state is State.TRAINING
    assert session.status.march == own


def test_a_remedy_that_does_not_help_leaves_training_stopped(session):
    train(session, 3)
    poison(session)
    collapse = until_failed(session)
    assert collapse.last_good is None and ways_out(collapse, changed=False) == ()
    for way in Rescue:
        session.rescue(way)
        session.tick()
        assert session.status.state is State.FAILED
        assert len(errors_of(session)) == 1
    session.reset()
    train(session, 2)
    assert (session.status.state, session.status.step, session.status.collapse) == (State.TRAINING, 2, None)


def test_the_view_is_rendered_again_after_a_rescue(session):
    train(session, 60)
    poison(session)
    until_failed(session)
    ask(session)
    session.tick()
    poisoned = session.frame
    session.rescue(Rescue.GO_BACK)
    for _ in range(3):
        session.tick()
    assert session.frame is not poisoned


def test_other_failures_are_not_a_collapse(session, monkeypatch):
    monkeypatch.setattr(trainer_of(session), "step", lambda fraction: 1 / 0)
    session.tick()
    assert (session.status.state, session.status.collapse) == (State.FAILED, None)


def test_a_restart_has_the_learning_rate_the_scene_opened_with(session):
    rate = trainer_of(session).settings.learning_rate
    train(session, 60)
    poison(session)
    until_failed(session)
    session.rescue(Rescue.GO_BACK)
    session.tick()
    assert trainer_of(session).settings.learning_rate < rate
    session.reset()
    session.tick()
    assert trainer_of(session).settings.learning_rate == rate


@pytest.mark.parametrize("kind", [x for x in CollapseKind if x is not CollapseKind.GPU_LOST])
def test_every_collapse_has_remedies_with_names(kind):
    collapse = Collapse(kind, since=70, last_good=42)
    ways = ways_out(collapse, changed=True)
    assert Rescue.GO_BACK in ways
    assert len({label(way, collapse) for way in ways}) == len(ways)
    assert label(Rescue.GO_BACK, collapse) == "Back to step 42"
    assert Rescue.GO_BACK not in ways_out(replace(collapse, last_good=None), changed=True)
