import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from core.config.march import MarchSettings
from core.training.build import Overrides
from tests.viewer.live import ask, errors_of, live_session, screenshot_request, state_of, trainer_of
from viewer.protocol.status import State
from viewer.protocol.view_settings import Mode
from viewer.session.resolution import ViewController
from viewer.session.session import LocalSession


def test_it_starts_empty_and_names_its_device():
    session = LocalSession("cpu")
    assert session.status.state is State.EMPTY
    assert session.status.device == "cpu"
    assert "CPU" in session.status.backend
    assert not session.tick()


def test_each_tick_trains_one_step(session):
    for _ in range(5):
        assert session.tick()
    assert session.status.step == trainer_of(session).step_count == 5
    assert [step for step, _ in session.status.losses] == [1, 2, 3, 4, 5]
    assert session.status.seconds > 0.0
    assert session.status.steps_per_second > 0.0


def test_a_view_is_served_before_the_next_step(session):
    session.tick()
    request = ask(session)
    session.tick()
    assert session.frame.request is request
    assert session.frame.step == 1
    assert session.status.step == 2


def test_the_newest_request_wins(session):
    for serial in (1, 2, 3):
        newest = ask(session, serial=serial, camera=serial)
    session.tick()
    assert session.frame.request is newest
    first = session.frame
    session.pause()
    session.tick()
    assert first.request.serial == session.frame.request.serial == 3


def test_moving_the_camera_never_stops_training(session):
    for serial in range(20):
        ask(session, moving=True, camera=serial % 9, serial=serial)
        session.tick()
        assert session.frame.request.serial == serial
    assert session.status.step == 20


@pytest.mark.parametrize("view", [{}, {"mode": Mode.SAMPLES}, {"cells_opacity": 0.5, "show_box": True}])
def test_a_render_changes_nothing(session, view):
    for _ in range(3):
        session.tick()
    session.pause()
    session.tick()
    trainer = trainer_of(session)
    before, modes = state_of(trainer), [module.training for module in trainer.field.modules()]
    for moving in (True, False):
        ask(session, moving=moving, camera=int(moving), **view)
        for _ in range(3):
            session.tick()
    after = state_of(trainer)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    assert [module.training for module in trainer.field.modules()] == modes


def test_rendering_frames_does_not_change_training(ball, monkeypatch):
    # on a slow machine batches are learnt in slices while the camera moves, and draw other rays
    monkeypatch.setattr(ViewController, "step_fraction", lambda self, moving: 1.0)
    losses = []
    for with_views in (False, True):
        session = live_session(ball, monkeypatch)
        for serial in range(6):
            if with_views:
                ask(session, moving=serial % 2 == 0, camera=serial, serial=serial)
            session.tick()
        losses.append(session.status.losses)
    assert losses[0] == losses[1]


def test_pausing_stops_steps_and_not_views(session):
    session.tick()
    session.pause()
    session.tick()
    assert session.status.state is State.PAUSED
    request = ask(session)
    session.tick()
    assert (session.frame.request, session.frame.step, session.status.step) == (request, 1, 1)
    while session.tick():
        pass
    assert session.status.steps_per_second == 0.0
    session.resume()
    session.tick()
    assert (session.status.state, session.status.step) == (State.TRAINING, 2)


def test_a_view_of_a_scene_that_is_closed_is_never_rendered(session):
    request = ask(session)
    session.tick()
    session.reset()
    session.request_view(dataclasses.replace(request, scene_serial=session.status.scene_serial, serial=7))
    session.tick()
    assert session.frame.request is request, "the request was for the scene before the reset"
    session.request_view(dataclasses.replace(request, scene_serial=session.status.scene_serial, serial=8))
    session.tick()
    assert session.frame.request.serial == 8


def test_paused_at_rest_the_picture_becomes_full_and_then_nothing_happens(session):
    session.pause()
    ask(session, size=(64, 48))
    while session.tick():
        pass
    frame = session.frame
    assert frame.rgba.shape == (48, 64, 4)
    assert frame.reason == ""
    assert not session.tick()
    assert session.frame is frame


def test_frame_and_status_hold_no_torch_object(session):
    ask(session, cells_opacity=0.3)
    for _ in range(3):
        session.tick()
    assert not list(torch_objects(session.frame))
    assert not list(torch_objects(session.status))
    assert session.frame.rgba.dtype == np.float32
    assert session.frame.rgba.flags.c_contiguous


def torch_objects(value):
    if isinstance(value, torch.Tensor | torch.nn.Module | torch.Generator | torch.device):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from torch_objects(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from torch_objects(item)


def test_the_figures_beside_a_frame_are_those_of_its_picture(session):
    session.pause()
    ask(session, size=(40, 30))
    while session.tick():
        pass
    stats = session.frame.stats
    assert (stats.rendered_width, stats.rendered_height) == (40, 30)
    assert 0 < stats.n_color <= stats.n_density
    assert stats.samples_per_ray == pytest.approx(stats.n_color / 1200)
    assert stats.samples_median <= stats.samples_p95
    assert stats.missed + stats.stopped_early + stats.reached_far == pytest.approx(1.0)
    assert 0.0 < stats.skipped < 1.0
    assert stats.march_ms + stats.field_ms + stats.composite_ms <= stats.milliseconds
    assert stats.occupied == pytest.approx(trainer_of(session).grid.occupied(session.status.march.occ_thre))
    assert 0.0 <= stats.stopped_early <= 1.0
    assert stats.milliseconds > 0.0


def test_reset_starts_the_same_training_again(session):
    for _ in range(3):
        session.tick()
    first, serial = session.status.losses, session.status.scene_serial
    session.reset()
    for _ in range(3):
        session.tick()
    assert session.status.losses == first
    assert session.status.scene_serial == serial + 1
    assert session.status.psnrs == ()


def test_trainings_thresholds_are_changed_and_restored(session):
    own = session.status.march
    other = dataclasses.replace(own, occ_thre=0.02)
    session.set_training_march(other)
    session.tick()
    assert session.status.march == other
    session.reset()
    session.tick()
    assert session.status.march == other
    session.set_training_march(None)
    session.tick()
    assert session.status.march == own


def test_excluding_a_view_acts_from_the_next_step_and_can_be_undone(session, ball, monkeypatch):
    undisturbed = live_session(ball, monkeypatch)
    session.include(2, False)
    session.include(2, True)
    for either in (session, undisturbed):
        either.tick()
    assert session.status.losses == undisturbed.status.losses
    session.include(2, False)
    for either in (session, undisturbed):
        either.tick()
    assert session.status.excluded == {2} and undisturbed.status.excluded == frozenset()
    assert session.status.losses[0] == undisturbed.status.losses[0]
    assert session.status.losses[1] != undisturbed.status.losses[1]


def test_the_last_view_left_cannot_be_excluded(session):
    for view in range(9):
        session.include(view, False)
    session.tick()
    assert session.status.excluded == set(range(8))
    (error,) = errors_of(session)
    assert error.startswith("training needs at least one view")
    assert session.traceback == ""


def test_reset_keeps_the_exclusions(session):
    session.include(4, False)
    session.tick()
    session.reset()
    session.tick()
    assert session.status.excluded == {4} and session.status.step == 1


def test_the_views_thresholds_leave_training_alone(session):
    own = session.status.march
    request = ask(session)
    strict = dataclasses.replace(request, march=MarchSettings(alpha_thre=0.5), serial=2)
    session.request_view(strict)
    session.tick()
    assert session.status.march == own
    assert session.frame.stats.n_color == 0


def test_held_out_psnr_is_measured_as_training_goes_on(session):
    trainer = trainer_of(session)
    trainer.seconds = 1.5
    for _ in range(4):
        session.tick()
    (point,) = session.status.psnrs
    assert point.step == 2
    assert 0.0 < point.psnr < 60.0
    assert point.seconds > 1.5 and 0 < point.evaluations < trainer.n_evaluations


def test_a_snapshot_continues_where_it_was_saved(session, tmp_path):
    for _ in range(3):
        session.tick()
    session.pause()
    session.save_snapshot(str(tmp_path / "s.safetensors"))
    session.tick()
    session.resume()
    for _ in range(3):
        session.tick()
    again = LocalSession("cpu")
    again.open(str(tmp_path / "s.safetensors"))
    for _ in range(3):
        again.tick()
    assert again.status.losses == session.status.losses[3:]
    assert errors_of(session) == []


def test_a_screenshot_is_taken_at_full_size(session, tmp_path):
    session.screenshot(screenshot_request(session, tmp_path, transparent=True, size=(50, 40), show_box=True))
    session.tick()
    (path,) = tmp_path.glob("*.png")
    with Image.open(path) as picture:
        assert picture.size == (50, 40)
        assert picture.mode == "RGBA"
    assert any(str(path) in notice.text for notice in session.take_notices())


def test_training_starts_again_in_another_place(session):
    for _ in range(3):
        session.tick()
    session.include(2, False)
    before, serial = session.status.scene, session.status.scene_serial
    place = before.place._replace(box=(-1.0, -1.0, -1.0, 1.5, 1.5, 1.5), n_levels=2, near_plane=0.25)
    session.pause()
    session.train_in(place)
    session._worker.run_commands()
    status, trainer = session.status, trainer_of(session)
    assert status.state is State.TRAINING and status.scene_serial == serial + 1
    assert status.scene.place == place and status.scene.opened_place == before.place
    assert status.scene.opened == before.opened
    assert (trainer.step_count, trainer.excluded) == (0, {2})
    assert trainer.grid.box == place.box and trainer.settings.march.near_plane == 0.25
    assert session.tick() and session.status.step == 1
    session.reset()
    session.tick()
    assert session.status.scene.place == place, "a reset keeps the place"


def test_a_place_where_nothing_is_seen_is_refused_and_training_goes_on(session):
    session.tick()
    before = session.status.scene
    session.train_in(before.place._replace(box=(1.0, 1.0, 1.0, -1.0, 2.0, 2.0)))
    session.train_in(before.place._replace(near_plane=1e4))
    session.tick()
    inverted, empty = errors_of(session)
    assert "begin before" in inverted and "near plane must lie before" in empty
    assert session.status.scene is before and session.status.step == 2


def test_up_turns_at_once_and_stays_turned(session, tmp_path):
    session.tick()
    serial = session.status.scene_serial
    session.turn_up((0.0, -1.0, 0.0))
    session.tick()
    assert session.status.scene.up == (0.0, -1.0, 0.0)
    assert (session.status.step, session.status.scene_serial) == (2, serial), "training went on"
    session.save_snapshot(str(tmp_path / "up.safetensors"))
    session.reset()
    session.tick()
    assert session.status.scene.up == (0.0, -1.0, 0.0)
    session.open(str(tmp_path / "up.safetensors"))
    session.tick()
    assert session.status.scene.up == (0.0, -1.0, 0.0)


def test_after_training_in_another_place_a_snapshot_opens_again_as_its_dataset(session, tmp_path):
    own = session.status.scene.place
    session.save_snapshot(str(tmp_path / "s.safetensors"))
    session.open(str(tmp_path / "s.safetensors"))
    session.train_in(own._replace(n_levels=2))
    session._worker.run_commands()
    scene = session.status.scene
    assert scene.opened == scene.path and scene.opened_place == own


def test_a_scene_opens_in_the_requested_place(session):
    own = session.status.scene.place
    box = (-1.0, -1.0, -1.0, 1.5, 1.5, 1.5)
    session.open(session.status.scene.path, overrides=Overrides(place={"box": box, "up": "+x"}))
    session._worker.run_commands()
    assert session.status.scene.place == own._replace(box=box, up=(1.0, 0.0, 0.0))
    assert session.status.scene.opened_place == own


def test_a_requested_place_that_no_camera_sees_is_refused_with_advice(session):
    before = session.status.scene
    session.open(before.path, overrides=Overrides(place={"box": (50.0, 50.0, 50.0, 51.0, 51.0, 51.0)}))
    session.tick()
    (error,) = errors_of(session)
    assert error.startswith("no camera sees anything of the box") and session.traceback == ""
    assert session.status.scene is before


def test_commands_for_the_previous_scene_leave_the_new_one_alone(session):
    before, place = session.status.scene_serial, session.status.scene.place
    session.open(session.status.scene.path)
    session.train_in(place._replace(n_levels=2), before)
    session.turn_up((0.0, -1.0, 0.0), before)
    session.include(2, False, before)
    session.tick()
    status = session.status
    assert (status.scene_serial, status.scene.place, status.excluded) == (before + 1, place, frozenset())
    session.include(2, False, status.scene_serial)
    session.tick()
    assert session.status.excluded == {2}
