"""The inspected ray of a session: the pixel that the picture shows, as thresholds and weights change."""

import dataclasses

import numpy as np
import pytest

from core.rendering.ray_trace import Stop
from core.training.build import Overrides
from tests.viewer.live import errors_of, paused_after, trainer_of, view_request
from viewer.input.orbit import at_view
from viewer.picture.camera import camera_of
from viewer.picture.render import render_view
from viewer.protocol.view_settings import Compare, ViewSettings
from viewer.tools import inspector
from viewer.tools.inspector import INSPECTOR, RayQuestion

SIZE = (40, 30)
COLUMN, ROW = 21, 13
"""A pixel that sees the ball."""


@pytest.fixture
def paused(session, monkeypatch):
    monkeypatch.setattr(inspector, "REFRESH_SECONDS", 0.0)
    return paused_after(session, steps=20)


def question(session, size=SIZE, camera=0, pixel=(COLUMN, ROW), **thresholds) -> RayQuestion:
    """The ray through a pixel of a training camera's view."""
    request = view_request(session.status.scene, session.status.march, size=size, camera=camera)
    at = at_view(np.reshape(request.pose.c2w, (4, 4)), request.pose.fov_y, np.zeros(3))
    u, v = ((p + 0.5 - 0.5 * n) / size[1] for p, n in zip(pixel, size, strict=True))
    march = dataclasses.replace(request.march, **thresholds)
    ray = tuple(at.position.tolist()), tuple(at.direction_at(u, v).tolist())
    return RayQuestion(*ray, march, request.view.background, size[0] * size[1])


def answer(session, asked):
    session.ask(INSPECTOR, asked)
    while session.tick():
        pass
    return session.result(INSPECTOR)


def test_the_ray_agrees_with_the_pixel_of_the_picture(paused):
    for thresholds in ({}, {"early_stop_eps": 0.3, "alpha_thre": 0.05}):
        asked = question(paused, **thresholds)
        found = answer(paused, asked)
        request = view_request(paused.status.scene, asked.march, size=SIZE)
        picture = render_view(trainer_of(paused), request.pose, SIZE, asked.march, request.view).output
        assert found.report.color == pytest.approx(picture.colors[ROW, COLUMN], abs=1e-5)
        assert found.report.n_kept == picture.n_kept[ROW, COLUMN] > 0
        assert found.report.n_marched == picture.n_marched[ROW, COLUMN]
        assert found.step == trainer_of(paused).step_count
    assert found.report.stop is Stop.OPAQUE


def test_a_ray_of_picture_a_is_marched_through_the_former_run(paused, monkeypatch):
    monkeypatch.setattr(inspector, "LIVE_SECONDS", 0.0)
    paused.train_with(Overrides(method={"field": "ngp", "sampler": "stratified"}, sampler={"n_bins": 16}))
    for _ in range(3):
        paused.tick()
    paused.pause()
    paused.tick()
    former = paused._worker.scene.former_trainer
    asked = dataclasses.replace(question(paused), of=Compare.RUN)
    found = answer(paused, asked)
    picture = render_view(former, view_request(paused.status.scene, asked.march, size=SIZE).pose, SIZE, asked.march,
                          ViewSettings(background=asked.background)).output  # fmt: skip
    assert found.report.color == pytest.approx(picture.colors[ROW, COLUMN], abs=1e-5)
    assert (found.step, found.sampler) == (former.step_count, former.sampler_settings)
    present = answer(paused, dataclasses.replace(asked, of=Compare.OFF))
    assert present.report.color != found.report.color and present.step == trainer_of(paused).step_count
    paused.resume()
    paused.ask(INSPECTOR, asked)
    for _ in range(3):
        paused.tick()
    assert paused.result(INSPECTOR).step == former.step_count, "only the present run continues"


def test_a_former_run_that_is_dropped_has_no_ray_and_raises_no_error(paused):
    asked = dataclasses.replace(question(paused), of=Compare.RUN)
    assert answer(paused, asked) is None, "there was never a former run"
    paused.train_with(Overrides(method={"field": "ngp", "sampler": "stratified"}))
    paused.pause()
    assert answer(paused, asked) is not None
    paused.forget_former()
    while paused.tick():
        pass
    assert answer(paused, asked) is None and errors_of(paused) == []
    assert answer(paused, question(paused)).question.of is Compare.OFF


def test_the_photo_from_the_rays_origin_lends_its_colour(paused):
    views = trainer_of(paused).dataset.train
    size = (views.cameras.width, views.cameras.height)
    for camera, pixel in ((0, (0, 0)), (3, (11, 12)), (5, (size[0] - 1, size[1] - 1))):
        found = answer(paused, question(paused, size, camera, pixel)).photo
        red, green, blue, alpha = views.images[camera, pixel[1], pixel[0]].tolist()
        expected = [(c * alpha + 255 * (255 - alpha)) / 255**2 for c in (red, green, blue)]
        assert found.color == pytest.approx(expected, abs=1e-6)
        assert found.name == views.names[camera]
    moved = dataclasses.replace(question(paused), origin=(9.0, 0.1, 0.2))
    assert answer(paused, moved).photo is None


def test_the_ray_is_inspected_again_as_training_goes_on(paused):
    first = answer(paused, question(paused))
    paused.resume()
    for _ in range(12):
        paused.tick()
    again = paused.result(INSPECTOR)
    assert again.step > first.step and again.question == first.question
    assert again.report.color != first.report.color


def test_a_question_is_answered_even_while_the_camera_moves(paused, monkeypatch):
    monkeypatch.setattr(inspector, "LIVE_SECONDS", 0.0)
    answer(paused, question(paused))
    request = view_request(paused.status.scene, paused.status.march, moving=True)
    paused.request_view(request)
    asked = question(paused, alpha_thre=0.1)
    paused.ask(INSPECTOR, asked)
    paused.tick()
    assert paused.result(INSPECTOR).question == asked


def test_a_closed_panel_costs_nothing(paused):
    answer(paused, question(paused))
    paused.ask(INSPECTOR, None)
    paused.tick()
    assert paused.result(INSPECTOR) is None
    assert not paused.tick()


def test_a_reset_scene_forgets_the_ray(paused):
    answer(paused, question(paused))
    paused.reset()
    paused.tick()
    assert paused.result(INSPECTOR) is None


def test_the_camera_of_a_question_is_that_of_the_picture(paused):
    request = view_request(paused.status.scene, paused.status.march, size=SIZE)
    camera = camera_of(request.pose, *SIZE, "cpu")
    assert question(paused).origin == pytest.approx(camera.c2w[:3, 3].tolist(), abs=1e-6)
