"""The exporting tool, with films as its jobs."""

import numpy as np
import pytest
from PIL import Image

from core.flights.album import Album
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.cameras import look_at
from tests.ball import CENTRE
from tests.viewer.live import errors_of, live_session, paused_after, trainer_of, view_request, write_quick_ball
from viewer.picture.export.film import FilmOrder
from viewer.protocol.optics import PINHOLE
from viewer.session.film import FilmFlags, film_snapshot
from viewer.tools.export import EXPORT
from viewer.tools.film import FilmJob
from viewer.tools.focus import FOCUS, FocusQuestion

PATH = CameraPath(
    tuple(Key(pose_values(look_at((x, 2.5, 1.0), CENTRE).numpy()), 0.6) for x in (-1.5, 0.0, 1.5)), seconds=1.0
)


@pytest.fixture
def session(tmp_path, monkeypatch):
    return paused_after(live_session(write_quick_ball(tmp_path / "ball"), monkeypatch), 10)


def job(session, output, size=(32, 24), fps=4.0) -> FilmJob:
    request = view_request(session.status.scene, session.status.march, size=size)
    return FilmJob(FilmOrder.of_view(str(output), request, PINHOLE, PATH, (), fps, 0.0, session.status.scene))


def run(session, ticks=2000):
    for _ in range(ticks):
        session.tick()
        state = session.result(EXPORT)
        if state is not None and not state.running:
            return state
    raise AssertionError("the export didn't end")


def pictures(folder) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)).astype(int) for path in sorted(folder.glob("*.png"))]


def test_a_film_from_the_window_equals_the_command_lines_while_training_goes_on(session, tmp_path):
    session.save_snapshot(str(tmp_path / "s.safetensors"), Album(path=PATH))
    session.ask(EXPORT, job(session, tmp_path / "window"))
    session.tick()
    step = session.status.step
    session.resume()
    state = run(session)
    assert session.status.step > step, "training went on"
    assert (state.done, state.files) == (4, (str(tmp_path / "window"),)) and state.picture.shape == (24, 32, 3)
    film_snapshot(
        str(tmp_path / "s.safetensors"), str(tmp_path / "server"), FilmFlags("kept", size="32x24", fps=4.0), "cpu"
    )
    for window, server in zip(pictures(tmp_path / "window"), pictures(tmp_path / "server"), strict=True):
        np.testing.assert_array_equal(window, server)
    assert not errors_of(session)
    session.open(str(tmp_path / "s.safetensors"))
    session.tick()
    assert session.status.scene.album == Album(path=PATH), "the window gets the path that the snapshot keeps"


def test_a_film_goes_on_when_another_scene_takes_over_and_cancelling_leaves_nothing(session, tmp_path):
    session.ask(EXPORT, job(session, tmp_path / "f.mp4"))
    session.tick()
    session.reset()
    assert run(session).files == (str(tmp_path / "f.mp4"),)
    before = sorted(tmp_path.iterdir())
    session.ask(EXPORT, job(session, tmp_path / "g.mp4", size=(640, 480), fps=30.0))
    session.tick()
    assert session.result(EXPORT).running
    session.ask(EXPORT, None)
    session.tick()
    assert not session.result(EXPORT).running and sorted(tmp_path.iterdir()) == before


def test_a_film_that_cannot_be_written_is_reported_and_training_goes_on(session, tmp_path):
    (tmp_path / "f.mp4").touch()
    session.ask(EXPORT, job(session, tmp_path / "f.mp4"))
    session.resume()
    session.tick()
    step = session.status.step
    session.tick()
    assert any("exists" in text for text in errors_of(session)) and session.status.step > step
    assert session.result(EXPORT) is None or not session.result(EXPORT).running


def test_a_pixel_is_focused_where_its_surface_is_along_the_view_axis(session):
    for _ in range(60):
        trainer_of(session).step()
    request = view_request(session.status.scene, session.status.march, size=(48, 48))
    session.ask(FOCUS, FocusQuestion(request, 24, 24))
    session.tick()
    assert 2.2 < session.result(FOCUS).distance < 2.9  # the ball's front is 2.5 units away
    session.ask(FOCUS, FocusQuestion(request, 0, 0))
    session.tick()
    assert session.result(FOCUS).distance is None
