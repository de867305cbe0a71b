"""The photo that the camera stands on, compared with the render."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from PIL import Image

from core.rendering.metrics import psnr
from core.rendering.render import render_image
from tests.ball import mixed_ball_views
from tests.photos import write_nerfstudio
from tests.viewer.live import live_session, paused_after, trainer_of, view_request
from viewer.protocol.requests import PhotoId, Split
from viewer.tools.photo import PHOTO

BLUE = (0.1, 0.2, 0.9)


@pytest.fixture
def session(ball, monkeypatch):
    return paused_after(live_session(ball, monkeypatch), steps=20)


def ask(session, photo, **thresholds):
    march = dataclasses.replace(session.status.march, **thresholds)
    request = view_request(session.status.scene, march, size=(40, 30), background=BLUE)
    session.ask(PHOTO, dataclasses.replace(request, photo=photo))
    return march


def finish(session):
    while session.tick():
        pass
    return session.result(PHOTO)


@pytest.mark.parametrize("photo", [PhotoId(Split.TRAIN, 4), PhotoId(Split.TEST, 1)])
def test_it_is_the_error_over_the_photos_own_pixels(session, photo):
    march, trainer = ask(session, photo, early_stop_eps=0.1), trainer_of(session)
    found = finish(session)
    views = {Split.TRAIN: trainer.dataset.train, Split.TEST: trainer.dataset.test}[photo.split]
    background = torch.tensor(BLUE)
    rendered = render_image(trainer.field, trainer.sampler, views.cameras[photo.index], march, background)
    rendered, target = rendered.colors.clamp(0.0, 1.0), views.photo(photo.index, background)
    assert (found.photo, found.share, found.step) == (photo, 1.0, trainer.step_count)
    assert found.psnr == pytest.approx(psnr(rendered, target), abs=1e-3)
    assert found.largest == pytest.approx(float((rendered - target).abs().max()), abs=1e-4)


def test_masked_pixels_are_not_compared(tmp_path, monkeypatch):
    folder = write_nerfstudio(tmp_path / "mixed", mixed_ball_views(10), per_frame=True, aabb=[-1, -1, -1, 1, 1, 1])
    hidden = np.zeros((20, 36), bool)
    hidden[:, :11] = True
    Image.fromarray(hidden).save(folder / "images" / "dynamic_mask_001.png")
    session = paused_after(live_session(folder, monkeypatch), steps=5)
    march, trainer = ask(session, PhotoId(Split.TRAIN, 0)), trainer_of(session)
    found = finish(session)
    views, background = trainer.dataset.train, torch.tensor(BLUE)
    rendered = render_image(trainer.field, trainer.sampler, views.cameras[0], march, background).colors
    rendered, target = rendered.clamp(0.0, 1.0)[:, 11:], views.photo(0, background)[:, 11:]
    assert found.share == 1.0
    assert found.psnr == pytest.approx(psnr(rendered, target), abs=1e-3)


def test_away_from_the_views_nothing_is_measured(session):
    ask(session, PhotoId(Split.TRAIN, 0))
    assert finish(session) is not None
    ask(session, None)
    session.tick()
    assert session.result(PHOTO) is None
    assert not session.tick()


def test_other_thresholds_are_measured_anew(session):
    ask(session, PhotoId(Split.TRAIN, 0))
    first = finish(session)
    ask(session, PhotoId(Split.TRAIN, 0))
    session.tick()
    assert session.result(PHOTO) is first, "the same question keeps its answer"
    ask(session, PhotoId(Split.TRAIN, 0), alpha_thre=0.5)
    assert finish(session).psnr < first.psnr


def test_during_training_the_measurement_starts_again_with_new_weights(session):
    ask(session, PhotoId(Split.TRAIN, 0))
    finish(session)
    session.resume()
    steps = set()
    for _ in range(2000):  # the tool takes a small share of the time, so this many ticks bring a few slices at least
        session.tick()
        steps.add(session.result(PHOTO).step)
        if len(steps) > 3:
            break
    assert len(steps) > 3
    assert session.result(PHOTO).step <= session.status.step
    assert math.isfinite(session.result(PHOTO).psnr)


def test_a_missing_photo_is_reported(session):
    ask(session, PhotoId(Split.TEST, 3))
    session.tick()
    assert ["3 test views" in n.text for n in session.take_notices() if n.error] == [True]
    assert session.result(PHOTO) is None
