"""A dynamic scene, from its files to its pictures."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from tests.ball import write_times
from tests.viewer.live import ask, live_session, paused_after, screenshot_request, trainer_of, write_quick_ball
from viewer.picture.camera import camera_of
from viewer.picture.export.screenshots import read_metadata
from viewer.protocol.requests import PhotoId, Pose, Split
from viewer.session.rerender import rerender
from viewer.tools.inspector import INSPECTOR, RayQuestion, photo_color

TIMES = {"train": [index / 8 for index in range(9)], "test": [0.1, 0.5, 0.9]}


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A paused session on a ball whose views carry times, with a snapshot: (session, snapshot)."""
    folder = tmp_path_factory.mktemp("moving")
    ball = write_quick_ball(folder / "ball")
    for split, times in TIMES.items():
        write_times(ball, split, times)
    with pytest.MonkeyPatch.context() as patch:
        session = paused_after(live_session(ball, patch), 20)
    with torch.no_grad():  # the ball stands still, so training learns no motion: make some up
        for table in trainer_of(session).field.time_tables:
            table.uniform_(-1.0, 1.0, generator=torch.Generator().manual_seed(0))
    session.save_snapshot(str(folder / "s.safetensors"))
    session.tick()
    yield session, folder / "s.safetensors"
    session.close()


def at(request, time):
    return dataclasses.replace(request, pose=dataclasses.replace(request.pose, time=time))


def shown(session, time):
    asked = at(ask(session, serial=int(1000 * time) + 2), time)
    session.request_view(asked)
    while session.tick():  # the first picture may be a coarse one
        pass
    assert session.frame.request == asked and session.frame.reason == ""
    return session.frame.rgba


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def test_it_opens_with_a_field_that_depends_on_time_and_says_so(moving):
    session, _ = moving
    scene = session.status.scene
    assert scene.method.method["field"] == "ngp-t"
    np.testing.assert_allclose(scene.times, TIMES["train"])
    assert scene.time_of(PhotoId(Split.TEST, 1)) == 0.5
    assert any("times, 0 to 1, so the field is ngp-t" in notice.text for notice in session.take_notices())


def test_a_static_scene_has_no_times(session):
    scene = session.status.scene
    assert scene.times is None and scene.test_times is None and scene.time_of(PhotoId(Split.TRAIN, 0)) is None


def test_the_view_shows_the_requested_time(moving):
    session, _ = moving
    early, late = shown(session, 0.2), shown(session, 0.7)
    assert np.abs(early - late).max() > 0.02
    np.testing.assert_array_equal(shown(session, 0.2), early)


def test_rays_of_a_view_carry_its_time():
    pose = Pose(tuple(np.eye(4).ravel()), 0.7, 0.25)
    assert float(camera_of(pose, 4, 3, "cpu").times) == 0.25
    assert camera_of(dataclasses.replace(pose, time=None), 4, 3, "cpu").times is None


def test_a_screenshot_is_rendered_again_at_its_time(moving, tmp_path):
    session, snapshot = moving
    for time in (0.2, 0.7):
        asked = screenshot_request(session, tmp_path / "shots")
        session.screenshot(dataclasses.replace(asked, view=at(asked.view, time)))
    session.tick()
    shots = sorted((tmp_path / "shots").glob("*.png"))
    assert len(shots) == 2 and (pixels(shots[0]) != pixels(shots[1])).any()
    for index, shot in enumerate(shots):
        again = rerender(str(snapshot), str(tmp_path / f"again{index}.png"), like=str(shot))
        np.testing.assert_array_equal(pixels(again), pixels(shot))


def test_a_camera_is_rendered_at_its_own_time_or_another(moving, tmp_path):
    _, snapshot = moving
    paths = [
        rerender(str(snapshot), str(tmp_path / f"{index}.png"), camera=4, time=time)
        for index, time in enumerate((None, 0.5, 0.9))
    ]
    own, same, other = (read_metadata(path) for path in paths)
    assert own["camera"] == same["camera"] and own["camera"]["time"] == 0.5 and other["camera"]["time"] == 0.9
    assert own["photo"] == same["photo"] == {"split": "train", "index": 4} and other["photo"] is None
    np.testing.assert_array_equal(pixels(paths[0]), pixels(paths[1]))
    assert (pixels(paths[0]) != pixels(paths[2])).any()


def test_distances_are_those_at_the_requested_time(moving, tmp_path):
    _, snapshot = moving
    depths = []
    for index, time in enumerate((0.5, 0.9)):
        file = tmp_path / f"{index}.npy"
        rerender(str(snapshot), str(tmp_path / f"{index}.png"), camera=4, time=time, depth=str(file))
        depths.append(np.load(file))
    assert depths[0].shape == depths[1].shape and (depths[0] != depths[1]).any()


def test_an_invalid_time_is_refused(moving, session, tmp_path):
    _, snapshot = moving
    new = str(tmp_path / "new.png")
    for time in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="--time must be a number from 0 to 1"):
            rerender(str(snapshot), new, time=time)
    session.save_snapshot(str(tmp_path / "still.safetensors"))
    session.tick()
    with pytest.raises(ValueError, match="--time goes with a scene that moves"):
        rerender(str(tmp_path / "still.safetensors"), new, time=0.5)


def test_a_photo_lends_its_colour_to_rays_of_its_time(moving):
    session, _ = moving
    dataset, camera = trainer_of(session).dataset, session.status.scene.cameras[3]
    origin, direction = tuple(camera[:3, 3].tolist()), tuple((-camera[:3, 2]).tolist())
    march, white = session.status.march, (1.0, 1.0, 1.0)
    asked = RayQuestion(origin, direction, march, white, 1, TIMES["train"][3])
    assert photo_color(dataset, asked).name == dataset.train.names[3]
    assert photo_color(dataset, dataclasses.replace(asked, time=0.99)) is None


def test_a_ray_is_inspected_at_its_time(moving):
    session, _ = moving
    camera = session.status.scene.cameras[0]
    ray = tuple(camera[:3, 3].tolist()), tuple((-camera[:3, 2]).tolist())
    found = []
    for time in (0.2, 0.7):
        session.ask(INSPECTOR, RayQuestion(*ray, session.status.march, (1.0, 1.0, 1.0), 1, time))
        while session.tick():
            pass
        found.append(session.result(INSPECTOR).report.samples.sigmas.sum())
    assert found[0] != found[1]
