"""The sweep of the shown view, slice by slice."""

import dataclasses
import math

import pytest

from core.config.march import THRESHOLDS_OFF
from core.rendering.render import render_image
from tests.viewer.live import errors_of, live_session, paused_after, state_of, trainer_of, view_request
from viewer.picture.camera import camera_of
from viewer.tools.sweep import LONGEST_SIDE, SWEEP, SweepQuestion


@pytest.fixture
def session(ball, monkeypatch):
    return paused_after(live_session(ball, monkeypatch), steps=20)


def asked(session, name="early_stop_eps", size=(40, 30), **thresholds):
    march = dataclasses.replace(session.status.march, **{**THRESHOLDS_OFF, **thresholds})
    question = SweepQuestion(name, view_request(session.status.scene, march, size=size))
    session.ask(SWEEP, question)
    session.tick()
    return question


def finish(session):
    while session.tick():
        pass
    return session.result(SWEEP)


def test_a_sweep_is_of_the_shown_view(session):
    question = asked(session)
    result = finish(session)
    assert result.question is question
    assert (result.width, result.height, result.step) == (40, 30, 20)
    assert result.finished and (result.share, result.problem) == (1.0, "")
    assert len(result.curve.points) == 12
    assert result.knee is not None and result.knee is result.curve.knee
    assert result.curve.points[0].psnr_vs_off == math.inf
    trainer, point = trainer_of(session), result.curve.points[7]
    camera = camera_of(question.request.pose, 40, 30, "cpu")
    march = dataclasses.replace(question.request.march, early_stop_eps=point.value)
    out = render_image(trainer.field, trainer.sampler, camera, march, camera.c2w.new_ones(3))
    assert (point.density_evaluations, point.color_evaluations) == (int(out.n_marched.sum()), int(out.n_kept.sum()))


def test_it_comes_point_by_point(session):
    asked(session)
    shares, counts = [], []
    while session.tick():
        shares.append(session.result(SWEEP).share)
        counts.append(len(session.result(SWEEP).curve.points))
    assert shares == sorted(shares) and counts == sorted(counts)
    assert {0, 5, 12} <= set(counts)


def test_large_views_are_swept_small_and_keep_their_shape(session):
    asked(session, size=(1600, 1000))
    result = session.result(SWEEP)
    assert (result.width, result.height) == (LONGEST_SIDE, LONGEST_SIDE * 10 // 16)


def test_training_during_a_sweep_does_not_affect_it(session):
    asked(session)
    calm = finish(session).curve
    asked(session)
    session.resume()
    while session.result(SWEEP).running:
        session.tick()
    assert session.status.step > 20
    for a, b in zip(calm.points, session.result(SWEEP).curve.points, strict=True):
        assert (a.value, a.evaluations, a.psnr_vs_off) == (b.value, b.evaluations, pytest.approx(b.psnr_vs_off))


def test_a_sweep_leaves_training_alone(session):
    before = state_of(trainer_of(session))
    asked(session)
    finish(session)
    after = state_of(trainer_of(session))
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_a_stopped_sweep_does_nothing_more_and_keeps_its_points(session):
    asked(session)
    while len(session.result(SWEEP).curve.points) < 3:
        session.tick()
    session.ask(SWEEP, None)
    session.tick()
    assert not session.tick()
    stopped = session.result(SWEEP)
    assert not stopped.running and not stopped.finished and len(stopped.curve.points) == 3 and stopped.share < 1.0
    assert stopped.curve.knee is not None and stopped.knee is None


def test_a_new_question_replaces_the_old_one(session):
    asked(session)
    session.tick()
    asked(session, "alpha_thre")
    assert finish(session).curve.name == "alpha_thre"


def test_another_scene_voids_the_sweep(session):
    asked(session)
    session.reset()
    session.tick()
    assert session.result(SWEEP) is None


def test_a_setting_that_cannot_be_swept_is_reported(session):
    asked(session, "near_plane", far_plane=0.01)
    result = session.result(SWEEP)
    assert "near_plane has no range" in result.problem and result.curve is None and not result.running
    assert not errors_of(session)
