"""The view compared with thresholds off, and how tools take turns."""

import dataclasses
import math

import pytest
import torch

from core.config.march import THRESHOLDS_OFF
from core.rendering.metrics import psnr
from tests.viewer.live import live_session, paused_after, trainer_of, view_request
from viewer.picture.render import render_view
from viewer.protocol.status import State
from viewer.tools.reference import REFERENCE
from viewer.tools.scattered import scattered


@pytest.fixture
def session(ball, monkeypatch):
    return paused_after(live_session(ball, monkeypatch), steps=20)


def finish(session):
    while session.tick():
        pass
    return session.result(REFERENCE)


def asked(session, **thresholds):
    march = dataclasses.replace(session.status.march, **thresholds)
    request = view_request(session.status.scene, march, size=(40, 30))
    session.ask(REFERENCE, request)
    return request


def test_the_difference_is_that_of_the_two_whole_pictures(session):
    request = asked(session, early_stop_eps=0.3, alpha_thre=0.1)
    found = finish(session)
    trainer = trainer_of(session)
    pair = (request.march, dataclasses.replace(request.march, **THRESHOLDS_OFF))
    on, off = (
        torch.from_numpy(render_view(trainer, request.pose, (40, 30), m, request.view).output.colors) for m in pair
    )
    assert found.share == 1.0 and found.request is request
    assert found.psnr == pytest.approx(psnr(on.clamp(0, 1), off.clamp(0, 1)), abs=0.01)
    assert found.largest == pytest.approx(float((on.clamp(0, 1) - off.clamp(0, 1)).abs().max()), abs=1e-4)
    assert 5.0 < found.psnr < 60.0


def test_with_thresholds_off_there_is_no_difference(session):
    asked(session, **THRESHOLDS_OFF)
    found = finish(session)
    assert (found.psnr, found.largest) == (math.inf, 0.0)


def test_a_closed_panel_costs_nothing(session):
    asked(session)
    session.ask(REFERENCE, None)
    session.tick()
    assert not session.tick()
    assert session.result(REFERENCE) is None


def test_a_question_about_another_view_starts_again(session):
    asked(session, early_stop_eps=0.3)
    first = finish(session)
    asked(session, early_stop_eps=0.3)
    session.tick()
    assert session.result(REFERENCE) is first, "the same question keeps its answer"
    asked(session, early_stop_eps=0.0)
    assert finish(session).psnr > first.psnr


def test_during_training_tools_keep_to_their_share(session):
    session.resume()
    asked(session)
    before, ticks = session.status.step, 0
    while (found := session.result(REFERENCE)) is None or found.step <= before:
        session.tick()
        ticks += 1
        assert ticks < 2000, "no slice came in 2000 steps"
    assert session.status.step - before >= ticks - 1, "a slice comes in addition to a step, not instead of one"


def test_a_failing_tool_is_reported_and_stopped_and_training_continues(session, monkeypatch):
    session.resume()
    asked(session)
    monkeypatch.setattr("viewer.tools.scattered.scattered", lambda *_: 1 / 0)
    before = session.status.step
    for _ in range(10):
        session.tick()
    assert [n.text for n in session.take_notices() if n.error] == ["ZeroDivisionError: division by zero"]
    assert session.status.state is State.TRAINING and session.status.step > before


def test_another_background_is_another_view(session):
    asked(session, alpha_thre=0.3)
    first = finish(session)
    march = dataclasses.replace(session.status.march, alpha_thre=0.3)
    session.ask(REFERENCE, view_request(session.status.scene, march, size=(40, 30), background=(0.0, 0.0, 0.0)))
    assert finish(session).psnr != first.psnr


def test_a_question_about_a_scene_that_is_closed_is_dropped(session):
    request = asked(session)
    session.tick()
    session.ask(REFERENCE, dataclasses.replace(request, scene_serial=session.status.scene_serial - 1, width=39))
    session.tick()
    assert session.result(REFERENCE).request is request


@pytest.mark.parametrize("n", [1, 2, 12, 97, 1200])
def test_scattered_pixels_come_once_each(n):
    order = torch.cat([scattered(first, min(first + 7, n), n) for first in range(0, n, 7)])
    assert sorted(order.tolist()) == list(range(n))
