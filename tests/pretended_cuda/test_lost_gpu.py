"""A GPU whose driver is reset while a scene trains."""

import pytest
import torch

from core.commands.train import train_and_report
from core.errors import CollapseKind, FirstlightError
from core.kernels.runtime.device import gpu_is_lost
from core.training import rollback
from core.training.snapshot import load_snapshot
from core.training.trainer import Trainer
from tests.viewer.live import TINY, ask, errors_of, trainer_of, write_quick_ball
from viewer.protocol.rescues import Rescue, label, ways_out
from viewer.protocol.status import State
from viewer.session.session import LocalSession

ERROR = RuntimeError("CUDA error: unspecified launch failure")


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return write_quick_ball(tmp_path_factory.mktemp("scene") / "ball")


@pytest.fixture
def session(ball):
    session = LocalSession("cuda")
    session.open(str(ball), overrides=TINY)
    session.tick()
    ask(session)
    session.tick()
    return session


def refused(device):
    if device is not None and torch.device(device).type == "cuda":
        raise ERROR
    return device


def lose_gpu(monkeypatch, session):
    """From now on CUDA refuses everything."""
    make = torch.zeros

    def zeros(*args, device=None, **kwargs):
        return make(*args, device=refused(device), **kwargs)

    def step(fraction):
        raise ERROR

    monkeypatch.setattr(torch, "zeros", zeros)
    monkeypatch.setattr(trainer_of(session), "step", step)


@pytest.mark.parametrize("steps", [0, 12])
def test_the_window_keeps_the_picture_and_goes_on_on_the_cpu(session, monkeypatch, steps):
    monkeypatch.setattr(rollback, "PROOF_STEPS", 4)
    monkeypatch.setattr(rollback, "PERIOD", 0.0)
    for _ in range(steps):
        session.tick()
    frame, good = session.frame, trainer_of(session).last_good
    lose_gpu(monkeypatch, session)
    session.tick()
    status = session.status
    assert (status.state, status.collapse.kind, status.device) == (State.FAILED, CollapseKind.GPU_LOST, "cpu")
    assert "no longer answers" in status.message and "the GPU is lost" in status.backend
    assert session.frame is frame and (good is not None) == bool(steps)
    assert ways_out(status.collapse, True) == (Rescue.ON_CPU,)
    assert ("from step" in label(Rescue.ON_CPU, status.collapse)) == bool(steps)
    session.rescue(Rescue.ON_CPU)
    session.tick()
    assert session.status.state is State.TRAINING and trainer_of(session).device == "cpu"
    assert session.status.step == (good.step if good else 0) + 1
    request = ask(session)
    session.tick()
    assert session.frame.request == request and errors_of(session) == []


def test_a_scene_that_is_opened_then_trains_on_the_cpu(session, monkeypatch, ball):
    lose_gpu(monkeypatch, session)
    session.tick()
    session.open(str(ball), overrides=TINY)
    session.tick()
    assert session.status.state is State.TRAINING and trainer_of(session).device == "cpu"


def test_training_without_a_window_writes_its_last_good_state(monkeypatch, ball, tmp_path):
    monkeypatch.setattr(rollback, "PROOF_STEPS", 4)
    monkeypatch.setattr(rollback, "PERIOD", 0.0)
    make, step = torch.zeros, Trainer.step

    def step_until_it_is_lost(trainer, fraction=1.0):
        if trainer.step_count == 12 and trainer.device == "cuda":
            monkeypatch.setattr(torch, "zeros", lambda *a, device=None, **k: make(*a, device=refused(device), **k))
            raise ERROR
        return step(trainer, fraction)

    monkeypatch.setattr(Trainer, "step", step_until_it_is_lost)
    output = tmp_path / "out"
    with pytest.raises(FirstlightError, match=r"up to step \d+ is in .*snapshot\.safetensors.*--device cpu"):
        train_and_report(str(ball), output, steps=20, device="cuda", overrides=TINY)
    assert 0 < load_snapshot(output / "snapshot.safetensors").step_count < 12


def test_other_errors_do_not_count_as_a_lost_gpu(monkeypatch):
    assert not gpu_is_lost(RuntimeError("CUDA error: invalid argument"))  # it still answers
    assert not gpu_is_lost(torch.OutOfMemoryError("CUDA out of memory"))
    assert not gpu_is_lost(ValueError("no rays"))
