import math
from dataclasses import replace

import numpy as np
import pytest

from core.config.march import MarchSettings
from core.geometry.cameras import look_at
from tests.viewer.live import open_scene
from viewer.input.orbit import at_view
from viewer.protocol.requests import PhotoId, SceneRay, Split
from viewer.protocol.view_settings import Compare, CompareAs, Mode, ViewSettings
from viewer.state.playback import Playback
from viewer.state.view_state import REST_SECONDS, ViewState


def state() -> ViewState:
    s = ViewState(MarchSettings(), ViewSettings())
    s.place(at_view(look_at((3.0, 0.0, 1.0), (0.0, 0.0, 0.0)).numpy(), 0.7, np.zeros(3)))
    return s


def test_without_a_camera_or_a_pixel_nothing_is_requested():
    assert ViewState(MarchSettings(), ViewSettings()).due(10, 10, 0.0, False) is None
    assert state().due(0, 10, 0.0, False) is None


def test_a_change_is_requested_at_once_and_again_at_rest():
    s = state()
    first = s.due(10, 10, 0.0, held=False)
    assert first.moving
    assert s.due(10, 10, 0.5 * REST_SECONDS, held=False) is None
    second = s.due(10, 10, 1.1 * REST_SECONDS, held=False)
    assert not second.moving
    assert second.serial > first.serial
    assert s.due(10, 10, 9.0, held=False) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.place(s.camera.orbited(0.1, 0.0)),
        lambda s: s.set_view(mode=Mode.DEPTH),
        lambda s: s.set_view(fov=55.0),
        lambda s: s.set_march(alpha_thre=0.01),
        lambda s: s.set_view(divider=0.2),
    ],
)
def test_every_change_makes_a_request(change):
    s = state()
    s.due(10, 10, 0.0, held=False)
    s.due(10, 10, 1.0, held=False)
    change(s)
    request = s.due(10, 10, 2.0, held=True)
    assert request.moving
    assert (request.pose, request.march, request.view) == (s.camera.pose, s.march, s.view)


def test_another_size_makes_a_request():
    s = state()
    s.due(10, 10, 0.0, held=False)
    assert s.due(20, 10, 1.0, held=False).width == 20


def test_holding_still_does_not_lower_the_resolution():
    s = state()
    s.due(10, 10, 0.0, held=False)
    s.due(10, 10, 1.0, held=False)
    assert s.due(10, 10, 2.0, held=True) is None
    assert s.due(10, 10, 3.0, held=False) is None


def test_a_changed_ray_is_requested_at_rest():
    s = state()
    s.due(10, 10, 0.0, held=False)
    s.due(10, 10, 1.0, held=False)
    s.ray = SceneRay((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), 1.0, 2.0, 3.0, ((1.0, 1.5),))
    request = s.due(10, 10, 2.0, held=False)
    assert request.ray == s.ray and not request.moving
    assert s.due(10, 10, 2.1, held=False) is None


def test_a_drag_that_stops_comes_to_rest_only_when_released():
    s = state()
    s.due(10, 10, 0.0, held=True)
    assert s.due(10, 10, 5.0, held=True) is None
    assert not s.due(10, 10, 5.1, held=False).moving


def test_the_fields_of_view_of_camera_and_setting_agree():
    s = state()
    assert s.view.fov == pytest.approx(math.degrees(0.7))
    s.set_view(fov=60.0)
    assert s.camera.fov_y == pytest.approx(math.radians(60.0))


def test_the_settings_kept_as_a_are_requested_while_they_are_compared():
    s = state()
    assert s.current(10, 10).other is None
    s.keep_as_a()
    kept = s.march
    s.set_march(alpha_thre=0.1)
    request = s.current(10, 10)
    assert (request.other, request.march, request.view.compare) == (kept, s.march, Compare.SETTINGS)
    s.set_view(compare=Compare.OFF)
    assert s.current(10, 10).other is None
    s.set_view(compare=Compare.SETTINGS)
    s.swap()
    assert (s.current(10, 10).other, s.current(10, 10).march) == (request.march, kept)


def test_the_former_run_is_requested_with_the_present_thresholds_while_there_is_one():
    s = state()
    s.set_view(compare=Compare.RUN)
    assert (s.current(10, 10).view.compare, s.current(10, 10).runs) == (Compare.OFF, ())
    s.runs = ("before", "now")
    s.set_march(alpha_thre=0.1)
    request = s.current(10, 10)
    assert (request.other, request.runs, request.view.compare) == (s.march, s.runs, Compare.RUN)
    assert s.divider == 0.5
    s.set_view(compare=Compare.OFF)
    assert (s.current(10, 10).other, s.current(10, 10).runs) == (None, ())


def test_the_photo_is_named_until_the_camera_leaves_it():
    s, photo = state(), PhotoId(Split.TEST, 3)
    assert s.photo is None
    for leave in (
        lambda: s.place(s.camera.orbited(0.0, 0.0)),
        lambda: s.set_view(fov=50.0),
        lambda: s.place(s.camera),
    ):
        s.place(s.camera.orbited(0.1, 0.0), photo)
        s.set_march(alpha_thre=0.1)
        assert s.current(10, 10).photo == photo
        leave()
        assert s.current(10, 10).photo is None


def test_without_a_second_picture_the_request_is_for_the_plain_one():
    s = state()
    for compare in (Compare.SETTINGS, Compare.PHOTO):
        s.set_view(compare=compare)
        assert s.current(10, 10).view.compare is s.comparing is Compare.OFF
    s.place(s.camera, PhotoId(Split.TRAIN, 0))
    assert s.current(10, 10).view.compare is s.comparing is Compare.PHOTO


def test_there_is_a_divider_only_while_two_pictures_lie_beside_each_other():
    s = state()
    s.set_view(divider=0.3)
    assert s.divider is None
    s.keep_as_a()
    assert s.divider == 0.3
    s.set_view(compare_as=CompareAs.BLEND)
    assert s.divider is None


def test_a_is_under_the_cursor_where_its_picture_alone_is_seen():
    s = state()
    s.set_view(divider=0.4)
    assert s.a_at(0.1) is Compare.OFF and s.march_of_a is None
    s.keep_as_a()
    s.set_march(alpha_thre=0.3)
    assert (s.a_at(0.39), s.a_at(0.41), s.march_of_a) == (Compare.SETTINGS, Compare.OFF, s.other)
    s.set_view(compare_as=CompareAs.FIRST)
    assert s.a_at(0.9) is Compare.SETTINGS
    for mixed in (CompareAs.BLEND, CompareAs.DIFFERENCE):
        s.set_view(compare_as=mixed)
        assert s.a_at(0.1) is Compare.OFF
    s.set_view(compare_as=CompareAs.DIVIDER, compare=Compare.RUN)
    assert s.a_at(0.1) is Compare.OFF, "no former run is kept"
    s.runs = ("before", "now")
    assert (s.a_at(0.1), s.march_of_a) == (Compare.RUN, s.march)
    s.runs = ()
    assert s.a_at(0.1) is Compare.OFF
    s.place(s.camera, PhotoId(Split.TRAIN, 0))
    s.set_view(compare=Compare.PHOTO)
    assert (s.comparing, s.a_at(0.1), s.march_of_a) == (Compare.PHOTO, Compare.OFF, None), "a photo has no samples"


def test_an_invalid_change_leaves_everything_as_it_was():
    s = state()
    with pytest.raises(ValueError, match="alpha_thre"):
        s.set_march(alpha_thre=2.0)
    assert s.march == MarchSettings()


def test_a_new_scene_is_requested_even_from_the_same_camera():
    s = state()
    first = s.due(10, 10, 0.0, held=False)
    s.due(10, 10, 1.0, held=False)
    s.forget()
    again = s.due(10, 10, 2.0, held=False)
    assert again.serial > first.serial


def test_a_view_of_the_dataset_is_left_when_the_camera_moves():
    s, photo = state(), PhotoId(Split.TEST, 2)
    s.place(s.camera, photo)
    assert s.photo == photo
    s.set_view(mode=Mode.DEPTH)
    assert s.photo == photo
    s.set_view(fov=33.0)
    assert s.photo is None
    s.place(s.camera, photo)
    s.place(s.camera.orbited(0.1, 0.0))
    assert s.photo is None


def test_another_up_turns_the_camera_and_the_same_one_leaves_it_alone():
    s = state()
    before = s.camera
    s.turn_up(before.scene_up)
    assert s.camera is before
    s.turn_up((1.0, 0.0, 0.0))
    assert s.camera.scene_up == (1.0, 0.0, 0.0)
    np.testing.assert_allclose(s.camera.position, before.position)


def test_a_scene_in_another_place_keeps_the_camera_and_what_the_user_changed(ball):
    scene = open_scene(ball)
    place = scene.info.place._replace(box=(-3.0, -3.0, -3.0, 3.0, 3.0, 3.0))
    moved = scene.moved(place, seed=0).info
    moved = replace(moved, train=replace(moved.train, march=replace(moved.train.march, render_step_size=0.2)))
    s = state()
    s.march, s.box, s.other = replace(scene.info.train.march, alpha_thre=0.3), scene.info.box, MarchSettings()
    camera = s.camera
    s.move(scene.info, moved)
    assert s.camera is camera and s.box == place.box and s.other is None
    assert s.march == replace(moved.train.march, alpha_thre=0.3)


def test_a_step_size_too_small_for_the_larger_box_is_dropped(ball):
    scene = open_scene(ball)
    march = replace(scene.info.train.march, render_step_size=100.0)
    far = replace(scene.info, box=(-5e4, -5e4, -5e4, 5e4, 5e4, 5e4), train=replace(scene.info.train, march=march))
    s = state()
    s.march, s.box = replace(scene.info.train.march, render_step_size=0.001, alpha_thre=0.3), scene.info.box
    s.move(scene.info, far)
    assert s.march == replace(march, alpha_thre=0.3)


def test_in_a_static_scene_requests_have_no_time():
    s = state()
    s.set_playback(time=0.5)
    s.place(s.camera, time=0.5)
    assert s.playback is None and s.due(10, 10, 0.0, held=False).pose.time is None


def test_playback_requests_each_time_as_moving_and_the_last_one_again_at_rest():
    s = state()
    s.playback = Playback(playing=True, seconds=10.0)
    for moment in range(1, 4):
        s.playback = s.playback.after(1.0)
        request = s.due(10, 10, float(moment), held=False)
        assert request.moving and request.pose.time == pytest.approx(0.1 * moment)
    s.playback = s.playback.toggled()
    assert s.due(10, 10, 4.0, held=False).pose.time == pytest.approx(0.3)
    assert not s.playing and s.due(10, 10, 9.0, held=False) is None


def test_the_camera_stands_on_a_photo_at_its_time_only():
    s, photo = state(), PhotoId(Split.TRAIN, 2)
    s.playback = Playback(0.1, playing=True)
    s.place(s.camera.orbited(0.1, 0.0), photo, time=0.4)
    assert s.playback == Playback(0.4) and s.photo == photo
    s.set_playback(time=0.5)
    assert s.photo is None
    s.set_playback(time=0.4)
    assert s.photo == photo
    s.place(s.camera.orbited(0.1, 0.0))
    assert s.photo is None and s.time == 0.4
