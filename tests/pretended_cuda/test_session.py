"""A session on the pretended GPU: every mode, overlay, comparison, tool and command of the window."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config.read_options import ReadOptions
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.placement import Place
from core.training import rollback
from tests.viewer.live import TINY, errors_of, screenshot_request, trainer_of, view_request, write_quick_ball
from viewer.picture.export.film import FilmOrder
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.rescues import Rescue
from viewer.protocol.status import State
from viewer.protocol.view_settings import CellsColor, Compare, CompareAs, Mode, SliceAxis, Tint
from viewer.session.session import LocalSession
from viewer.tools.check import CHECK
from viewer.tools.emptied import EMPTIED
from viewer.tools.export import EXPORT
from viewer.tools.film import FilmJob
from viewer.tools.fit import FIT, FitQuestion
from viewer.tools.focus import FOCUS, FocusQuestion
from viewer.tools.images import IMAGES
from viewer.tools.inspector import INSPECTOR, RayQuestion
from viewer.tools.method import METHOD, MethodQuestion
from viewer.tools.occupancy import GRID
from viewer.tools.photo import PHOTO
from viewer.tools.reference import REFERENCE
from viewer.tools.sweep import SWEEP, SweepQuestion

DENSE = replace(TINY, method={"field": "dense", "sampler": "stratified"}, field={"resolution": 16})


def go(session, n=2):
    """Tick a session in which nothing fails."""
    for _ in range(n):
        session.tick()
    errors = errors_of(session)
    assert session.status.state is not State.FAILED and not errors, (session.status.message, errors, session.traceback)


def request(session, serial=[0], other=None, photo=None, runs=(), **view):  # noqa: B006 - counts
    serial[0] += 1
    status = session.status
    asked = view_request(status.scene, status.march, serial=serial[0], **view)
    times = status.scene.times
    pose = asked.pose if times is None else replace(asked.pose, time=float(times[0]))
    return replace(asked, pose=pose, other=other, photo=photo, runs=runs)


def see(session, **view):
    asked = request(session, **view)
    session.request_view(asked)
    for _ in range(40):
        go(session, 1)
        if session.frame is not None and session.frame.request is asked:
            return session.frame
    raise AssertionError(f"no picture of {view}")


def answer(session, key, question, done=lambda result: True):
    if question is not None:
        session.ask(key, question)
    for _ in range(800):
        go(session, 1)
        result = session.result(key)
        if result is not None and done(result):
            return result
    raise AssertionError(f"no answer of {key}")


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return write_quick_ball(tmp_path_factory.mktemp("scene") / "ball")


def opened(path, reading=None):
    session = LocalSession("cuda")
    session.open(str(path), *([] if reading is None else [reading]), overrides=TINY)
    go(session, 3)
    assert session.status.state is State.TRAINING and session.status.device == "cuda"
    return session


@pytest.fixture
def session(ball):
    session = opened(ball)
    yield session
    session.close()


VIEWS = [
    *({"mode": mode} for mode in Mode),
    *({"tint": tint, "tint_strength": 0.5} for tint in Tint),
    *({"cells_color": color, "cells_opacity": 0.6} for color in CellsColor),
    {"cells_level": 0, "cells_opacity": 0.6},
    {"slice_axis": SliceAxis.Y, "cells_color": CellsColor.VALUE},
    {"show_box": True, "show_cameras": True, "show_points": True},
    {"moving": True},
]


def test_every_mode_and_overlay_is_drawn(session):
    frames = [see(session, **view) for view in VIEWS]
    assert all(isinstance(frame.rgba, np.ndarray) and np.isfinite(frame.rgba).all() for frame in frames)


def test_pictures_are_compared(session):
    other, photo = replace(session.status.march, early_stop_eps=0.3), PhotoId(Split.TRAIN, 0)
    for way in CompareAs:
        assert see(session, compare=Compare.SETTINGS, compare_as=way, other=other).comparison is not None
        see(session, compare=Compare.PHOTO, compare_as=way, photo=photo)
    session.train_with(DENSE)
    go(session, 4)
    march = session.status.march
    assert see(session, compare=Compare.RUN, other=march, runs=("a", "b")).comparison is not None
    session.take_up()
    go(session, 3)
    session.forget_former()
    go(session, 3)
    assert session.status.former is None


def test_every_tool_answers(session, tmp_path):
    march, scene, serial = session.status.march, session.status.scene, session.status.scene_serial
    ray = {"origin": (0.0, -3.0, 0.0), "direction": (0.0, 1.0, 0.0), "march": march, "background": (1.0, 1.0, 1.0)}
    session.pause()
    assert answer(session, CHECK, None, lambda check: check.finished)
    strict = replace(request(session), march=replace(march, alpha_thre=0.9, occ_thre=1.0))
    answer(session, EMPTIED, strict)
    answer(session, INSPECTOR, RayQuestion(**ray, n_pixels=1200))
    answer(session, METHOD, MethodQuestion(DENSE, serial))
    answer(session, FIT, FitQuestion(1, serial))
    answer(session, REFERENCE, request(session), lambda difference: difference.share > 0.1)
    answer(session, PHOTO, request(session, photo=PhotoId(Split.TEST, 0)), lambda difference: difference.share > 0.1)
    session.ask(PHOTO, None), session.ask(REFERENCE, None)
    answer(session, IMAGES, frozenset({0, 1}))
    session.ask(IMAGES, None)
    answer(session, FOCUS, FocusQuestion(request(session, size=(48, 48)), 24, 24))
    path = CameraPath(tuple(Key(pose_values(c2w), 0.6) for c2w in scene.cameras[:2]), seconds=1.0)
    order = FilmOrder(str(tmp_path / "film"), request(session, size=(32, 24)), path, fps=4.0)
    exported = answer(session, EXPORT, FilmJob(order), lambda state: not state.running)
    assert exported.done == exported.total == len(list((tmp_path / "film").glob("*.png"))) > 0
    answer(session, GRID, 0.01)
    assert trainer_of(session).coverage.finished().is_cuda
    session.ask(GRID, None)
    swept = answer(session, SWEEP, SweepQuestion("early_stop_eps", request(session)), lambda x: x.finished or x.problem)
    assert not swept.problem and scene.n_train == 9


def test_commands_and_rescues(session, monkeypatch, tmp_path):
    session.include(0, False), session.include(3, False)
    session.turn_up((0.0, 1.0, 0.0))
    session.set_training_march(replace(session.status.march, early_stop_eps=0.1))
    session.screenshot(screenshot_request(session, tmp_path, True, cells_opacity=0.5, cells_color=CellsColor.CAMERAS))
    session.save_snapshot(str(tmp_path / "run.safetensors"))
    go(session, 4)
    assert session.status.excluded == {0, 3} and len(list(tmp_path.iterdir())) == 2
    for way in (Rescue.OWN, Rescue.LOWER, Rescue.REBUILD):
        session.rescue(way)
        go(session, 3)
    monkeypatch.setattr(rollback, "PROOF_STEPS", 2)
    monkeypatch.setattr(rollback, "PERIOD", 0.0)
    go(session, 8)
    with torch.no_grad():
        next(trainer_of(session).learning_field.parameters()).fill_(torch.nan)
    session.tick()
    assert session.status.state is State.FAILED and session.status.collapse is not None
    session.take_notices()
    session.rescue(Rescue.GO_BACK)
    go(session, 4)
    session.reset()
    go(session, 3)
    info = session.status.scene
    session.train_in(Place(tuple(0.9 * x for x in info.box), 1, info.train.march.near_plane, info.up))
    go(session, 3)
    session.open(str(tmp_path / "run.safetensors"))
    go(session, 3)
    trainer_of(session).seconds += 1.0
    go(session, 8)
    assert session.status.psnrs and see(session) is not None


def test_a_full_gpu_is_told_once_and_the_view_goes_on(session, gpu):
    with gpu.limited_to(gpu.bytes_held() + (12 << 20)):
        trainer_of(session)._memory._n_steps = 0
        session._worker.scene.trainer.samples_per_ray = 1.0  # far too many rays
        trainer_of(session).settings = replace(trainer_of(session).settings, target_samples=1 << 20, max_rays=1 << 20)
        for _ in range(6):
            session.tick()
        notices = [notice.text for notice in session.take_notices()]
        assert session.status.state is State.TRAINING
        assert len([text for text in notices if "memory is short" in text]) == 1, notices
        assert see(session, size=(128, 96)) is not None
    with gpu.limited_to(gpu.bytes_held() + (1 << 14)):
        session.open(str(session.status.scene.path), overrides=TINY)
        session.tick()
    (error,) = [text for text in errors_of(session) if "open" not in text]
    assert "memory is full" in error and "\n" not in error


@pytest.mark.parametrize("demo", ["demo-dynamic", "demo-unbounded"])
def test_scenes_that_move_and_have_no_bounds_are_shown(demo):
    session = opened(demo, ReadOptions(16))
    see(session, cells_opacity=0.6, cells_color=CellsColor.CAMERAS)
    session.include(0, False)
    go(session, 6)
    session.close()
