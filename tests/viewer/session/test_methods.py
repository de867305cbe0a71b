"""Training again with another method: what is kept, what is refused, and how the runs are compared."""

import dataclasses

import numpy as np
import pytest
import torch

from core.rendering.render import render_image
from core.samplers.occupancy import OccupancySettings
from core.samplers.stratified import StratifiedSettings
from core.training.build import Overrides
from tests.viewer.live import ask, errors_of, live_session, paused_after, state_of, trainer_of
from viewer.picture import compose
from viewer.picture.camera import camera_of
from viewer.protocol.runs import Measured, title_of
from viewer.protocol.status import State
from viewer.protocol.view_settings import Compare, CompareAs
from viewer.state.method_draft import MethodDraft, forget_text, label_of, question_text
from viewer.tools.method import METHOD, MethodQuestion

COARSE = Overrides(method={"field": "ngp", "sampler": "stratified"}, sampler={"n_bins": 16})


@pytest.fixture
def changed(session):
    """A session with a former run of three steps and a present run of one step, with the stratified sampler."""
    session.include(2, False)
    paused_after(session, 3)
    session.train_with(COARSE, session.status.scene_serial)
    session.tick()
    return session


def answered(session, method):
    """The worker's answer about a method."""
    session.ask(METHOD, MethodQuestion(method, session.status.scene_serial))
    session.pause()
    session.tick()
    return session.result(METHOD)


def beside(session, **view):
    """Ask for A, the former run, beside B at rest; returns the request."""
    request = ask(session, compare=Compare.RUN, **view)
    request = dataclasses.replace(request, other=request.march, runs=("before", "now"))
    session.request_view(request)
    session.pause()
    while session.tick():
        pass
    return request


def test_training_starts_again_with_another_method_and_the_former_run_is_kept(session):
    session.include(2, False)
    paused_after(session, 3)
    before, old, serial = session.status, trainer_of(session), session.status.scene_serial
    session.train_with(COARSE, serial)
    session._worker.run_commands()
    status, trainer = session.status, trainer_of(session)
    assert trainer is not old and trainer.sampler_settings == StratifiedSettings(n_bins=16)
    assert (status.state, trainer.step_count, status.scene_serial) == (State.TRAINING, 0, serial + 1)
    assert (status.former.title, status.former.step) == ("ngp + occupancy", 3)
    assert status.scene.method == COARSE
    assert (status.scene.opened, status.scene.place) == (before.scene.opened, before.scene.place)
    assert trainer.excluded == {2} and trainer.dataset is old.dataset
    assert status.march == before.march
    session.tick()
    assert session.status.step == 1 and old.step_count == 3


@pytest.mark.parametrize(
    ("method", "advice"),
    [
        (Overrides(method={"sampler": "rvs"}, sampler={"use": "hierarchical"}), "choose another field"),
        (Overrides(method={"field": "cubes"}), "'cubes'"),
        (Overrides(method={"sampler": "stratified"}, sampler={"n_bins": 0}), "n_bins must be"),
        (Overrides(method={"sampler": "stratified"}, sampler={"n_coarse": 8}), "no setting of stratified"),
    ],
)
def test_an_impossible_combination_is_refused_before_anything_is_lost(changed, method, advice):
    trainer, former, serial = trainer_of(changed), changed.status.former, changed.status.scene_serial
    changed.train_with(method, serial)
    changed.tick()
    (error,) = errors_of(changed)
    assert advice in error and changed.traceback == ""
    assert trainer_of(changed) is trainer and changed.status.former == former
    assert (changed.status.scene_serial, changed.status.step) == (serial, 2), "training goes on"
    assert advice in answered(changed, method).problem, "and the panel says so beforehand"


def test_a_command_for_the_previous_scene_does_nothing(changed):
    trainer, stale = trainer_of(changed), changed.status.scene_serial - 1
    changed.train_with(Overrides(method={"sampler": "proposal"}), stale)
    changed.take_up(stale)
    changed.forget_former(stale)
    changed.tick()
    assert trainer_of(changed) is trainer and changed.status.former is not None and errors_of(changed) == []


def test_picture_a_is_rendered_by_the_former_trainer(changed):
    former = changed._worker.scene.former_trainer
    request = beside(changed, compare_as=CompareAs.FIRST)
    camera = camera_of(request.pose, request.width, request.height, "cpu")
    expected = render_image(former.field, former.sampler, camera, request.march, torch.ones(3)).colors
    np.testing.assert_allclose(changed.frame.rgba[..., :3], expected.clamp(0, 1).numpy(), atol=1e-6)
    assert changed.frame.comparison.psnr < 60.0, "both runs gave the same picture"
    alone = ask(changed, serial=2)
    changed.tick()
    assert changed.frame.request is alone and changed.frame.comparison is None
    assert np.abs(changed.frame.rgba[..., :3] - expected.numpy()).max() > 0.01


def test_a_screenshot_of_both_runs_is_the_picture_of_the_view(changed, tmp_path):
    request = beside(changed, divider=0.4)
    scene = changed._worker.scene
    picture = compose.make_picture(scene.trainer, request, scene.info, former=scene.former_trainer)
    inside = np.r_[0:10, 16:32]  # beside the line
    np.testing.assert_allclose(picture[:, inside], changed.frame.rgba[:, inside], atol=1e-6)


def test_rendering_the_former_run_leaves_its_state_alone(changed):
    former = changed._worker.scene.former_trainer
    before = state_of(former)
    beside(changed)
    for name, value in state_of(former).items():
        np.testing.assert_array_equal(before[name], value, err_msg=name)


def test_a_run_that_is_taken_up_again_continues_as_if_it_had_never_stopped(session, ball, monkeypatch):
    undisturbed = paused_after(live_session(ball, monkeypatch), 3)
    paused_after(session, 3)
    session.train_with(COARSE)
    session.tick()
    session.take_up(session.status.scene_serial)
    session._worker.run_commands()
    assert session.status.step == 3, "the status never mixes two runs"
    session.tick()
    undisturbed.resume()
    undisturbed.tick()
    assert session.status.losses == undisturbed.status.losses
    assert type(trainer_of(session).sampler_settings) is OccupancySettings
    assert (session.status.former.title, session.status.former.step) == ("ngp + stratified (n_bins 16)", 1)
    session.take_up()
    session.tick()
    assert session.status.step == 2 and session.status.former.step == 4


def test_thresholds_taken_back_from_training_are_taken_back_from_the_former_run_too(session):
    own = session.status.march
    session.set_training_march(dataclasses.replace(own, alpha_thre=0.3))
    session.train_with(COARSE)
    session.set_training_march(None)
    session.take_up()
    session.tick()
    assert session.status.march == own


def test_without_a_former_run_taking_it_up_is_an_error_and_nothing_is_compared(changed):
    changed.forget_former(changed.status.scene_serial)
    changed.tick()
    assert changed.status.former is None
    serial = changed.status.scene_serial
    changed.take_up()
    changed.tick()
    (error,) = errors_of(changed)
    assert "no former run is kept" in error and changed.status.scene_serial == serial
    beside(changed)
    assert changed.frame.comparison is None and errors_of(changed) == []


def test_only_the_newest_former_run_is_kept_and_it_survives_a_reset_and_a_move(changed):
    changed.train_with(Overrides(method={"field": "ngp", "sampler": "stratified"}))
    changed._worker.run_commands()
    assert changed.status.former.title == "ngp + stratified (n_bins 16)"
    assert changed._worker.scene.former.former is None
    changed.reset()
    changed.train_in(changed.status.scene.place._replace(near_plane=0.1))
    changed.turn_up((0.0, -1.0, 0.0))
    changed._worker.run_commands()
    assert changed.status.former.title == "ngp + stratified (n_bins 16)"
    changed.take_up()
    changed.tick()
    assert changed.status.scene.up == (0.0, -1.0, 0.0), "up belongs to the scene, whichever run it was turned in"


def test_opening_another_scene_drops_the_former_run(changed):
    changed.open(changed.status.scene.path)
    changed._worker.run_commands()
    assert changed.status.former is None and changed._worker.scene.former is None


def test_a_scene_opens_with_the_requested_method(session):
    session.open(session.status.scene.path, overrides=COARSE)
    session.tick()
    assert session.status.scene.method == COARSE
    session.open(session.status.scene.path, overrides=Overrides(method={"field": "cubes"}))
    session.tick()
    (error,) = errors_of(session)
    assert "'cubes'" in error and session.traceback == ""


def test_after_training_with_another_method_a_snapshot_opens_again_as_its_dataset(session, tmp_path):
    session.save_snapshot(str(tmp_path / "s.safetensors"))
    session.open(str(tmp_path / "s.safetensors"))
    session.train_with(COARSE)
    session._worker.run_commands()
    assert session.status.scene.opened == session.status.scene.path
    session.open(str(tmp_path / "s.safetensors"), overrides=COARSE)
    session.tick()
    (error,) = errors_of(session)
    assert "keeps its field and its sampler" in error


def test_the_worker_answers_with_the_defaults_and_whether_the_method_is_trained(changed):
    found = answered(changed, COARSE)
    assert (found.problem, found.trained) == ("", True)
    assert found.usual["sampler"] == StratifiedSettings()
    other = answered(changed, Overrides(method=COARSE.method))
    assert (other.problem, other.trained, other.usual) == ("", False, found.usual)
    assert not answered(changed, dataclasses.replace(COARSE, method={"field": "ngp", "sampler": "rvs"})).trained


def test_the_defaults_of_a_sampler_follow_the_chosen_field(changed):
    names = {"field": "mlp", "sampler": "proposal"}
    plain = answered(changed, Overrides(method=names)).usual
    narrow = answered(changed, Overrides(method=names, field={"width": 16})).usual
    assert narrow["field"] == plain["field"] and narrow["sampler"].rate_factor < plain["sampler"].rate_factor
    wrong = answered(changed, Overrides(method=names, field={"width": 0}))
    assert "width must be" in wrong.problem and wrong.usual == plain


def test_a_trained_method_that_cannot_be_built_again_is_reported_without_an_error(changed):
    broken = dataclasses.replace(COARSE, sampler={"n_bins": 0})
    changed._worker.scene.info = dataclasses.replace(changed._worker.scene.info, method=broken)
    assert "n_bins must be" in answered(changed, COARSE).problem
    assert answered(changed, Overrides(method={"field": "ngp", "sampler": "rvs"})).problem == ""
    assert errors_of(changed) == []


def test_a_draft_follows_the_trained_method_and_keeps_the_settings_of_each_kind():
    draft = MethodDraft()
    draft.choose("field", "mlp")
    assert draft.chosen == Overrides(), "there is no scene yet"
    draft.follow(COARSE, {})
    assert draft.chosen == COARSE and not draft.changed
    draft.choose("sampler", "proposal")
    draft.set("sampler", "n_first", 32)
    assert draft.changed
    assert draft.chosen == Overrides(method={"field": "ngp", "sampler": "proposal"}, sampler={"n_first": 32})
    draft.choose("sampler", "stratified")
    assert draft.chosen == COARSE
    draft.choose("sampler", "proposal")
    assert draft.values("sampler") == {"n_first": 32}
    draft.follow(dataclasses.replace(COARSE), {})
    assert draft.name("sampler") == "proposal", "the same method was reported again"
    draft.revert()
    assert draft.chosen == COARSE and COARSE.sampler == {"n_bins": 16}


def test_it_asks_before_a_run_is_dropped(changed):
    text = question_text(changed.status, Overrides(method={"field": "mlp", "sampler": "proposal"}))
    assert text.startswith("Start training again with mlp + proposal? The present run (step 1) is kept")
    assert "ngp + occupancy (step 3), is dropped" in text
    former = dataclasses.replace(changed.status.former, psnrs=(Measured(3, 21.04, 1.0, 900),))
    assert forget_text(former).startswith("Forget A? That run, ngp + occupancy (step 3, 21.0 dB), is dropped")


def test_titles_and_labels_are_readable():
    many = Overrides(method={"field": "mlp", "sampler": "rvs"}, field={"a": 1, "b": 0.25}, sampler={"c": "x", "d": 4})
    assert title_of(many) == "mlp + rvs (a 1, b 0.25, c x, …)"
    assert title_of(Overrides(method={"sampler": "rvs", "field": "mlp"})) == "mlp + rvs"
    assert title_of(Overrides(method={"field": "some/where/f.py:Mine", "sampler": "rvs"})) == "f.py:Mine + rvs"
    setting = dataclasses.make_dataclass("Named", ["label"])
    assert label_of("n_first", setting("")) == "First" and label_of("color_width", setting("")) == "Color width"
    assert label_of("n_first", setting("Samples")) == "Samples"
