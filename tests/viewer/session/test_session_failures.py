import dataclasses

import numpy as np
import pytest
import torch

from core.errors import BackendUnavailable, CollapseKind, TrainingCollapsed
from tests.viewer.live import ask, errors_of, state_of, trainer_of
from viewer.protocol.status import State
from viewer.session.session import LocalSession


def test_a_scene_that_cannot_be_opened_leaves_the_open_one_training(session):
    session.tick()
    scene, serial = session.status.scene, session.status.scene_serial
    session.open("/there/is/nothing")
    session.tick()
    assert session.status.state is State.TRAINING
    assert (session.status.scene, session.status.scene_serial, session.status.step) == (scene, serial, 2)
    (error,) = errors_of(session)
    assert "/there/is/nothing" in error
    assert session.take_notices() == []


def test_a_failed_first_opening_says_so_and_waits():
    session = LocalSession("cpu")
    session.open("/there/is/nothing")
    session.tick()
    assert session.status.state is State.EMPTY
    assert len(errors_of(session)) == 1


def test_progress_is_reported_while_a_scene_opens(ball, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "viewer.session.worker.replace", lambda old, **new: seen.append(new) or dataclasses.replace(old, **new)
    )
    session = LocalSession("cpu")
    session.open(str(ball))
    session.tick()
    loading = [new for new in seen if new.get("state") is State.LOADING]
    assert any("image" in new["message"] for new in loading)
    assert any("kernels" in new["message"] for new in loading)
    assert all(0.0 <= new["progress"] <= 1.0 for new in loading)
    assert (session.status.state, session.status.progress) == (State.TRAINING, None)


def test_opening_another_scene_cancels_the_one_being_opened(ball, monkeypatch):
    session = LocalSession("cpu")
    session.open("/there/is/nothing")
    session.open(str(ball))
    session.tick()
    assert session.status.scene.path == str(ball)
    assert session.status.scene_serial == 1
    assert errors_of(session) == []


def test_a_collapse_is_reported_once_and_the_weights_stay(session, tmp_path, monkeypatch):
    for _ in range(3):
        session.tick()
    trainer = trainer_of(session)
    weights = state_of(trainer)
    collapse = TrainingCollapsed("the loss is NaN", CollapseKind.NOT_FINITE, 4)
    monkeypatch.setattr(trainer, "step", lambda fraction: (_ for _ in ()).throw(collapse))
    session.tick()
    assert session.status.state is State.FAILED
    assert "the loss is NaN" in session.status.message
    assert "TrainingCollapsed" in session.traceback
    message = session.status.message
    request = ask(session)
    session.tick()
    assert (session.frame.request, session.status.message, session.status.step) == (request, message, 3)
    session.save_snapshot(str(tmp_path / "last.safetensors"))
    session.tick()
    assert (tmp_path / "last.safetensors").stat().st_size > 0
    np.testing.assert_array_equal(weights["generator"], state_of(trainer)["generator"])


def test_a_reset_recovers_from_a_failure(session, monkeypatch):
    monkeypatch.setattr(trainer_of(session), "step", lambda fraction: 1 / 0)
    session.tick()
    assert session.status.state is State.FAILED
    assert "ZeroDivisionError" in session.status.message
    session.reset()
    session.tick()
    assert (session.status.state, session.status.step, session.traceback) == (State.TRAINING, 1, "")


def test_a_view_that_fails_is_not_tried_again(session, monkeypatch):
    calls = []

    def fail(*arguments, **more):
        calls.append(1)
        raise RuntimeError("out of memory")

    monkeypatch.setattr("viewer.picture.render.render_request", fail)
    ask(session)
    for _ in range(5):
        session.tick()
    assert session.status.state is State.FAILED
    assert "out of memory" in session.status.message
    assert len(calls) == 1


def test_commands_without_a_scene_are_answered():
    session = LocalSession("cpu")
    session.save_snapshot("x.safetensors")
    session.pause()
    session.resume()
    session.reset()
    session.set_training_march(None)
    session.tick()
    assert len(errors_of(session)) == 1
    assert session.status.state is State.EMPTY


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_device_is_refused():
    with pytest.raises(BackendUnavailable, match="cpu"):
        LocalSession("cuda")
