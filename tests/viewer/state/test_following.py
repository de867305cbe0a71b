"""What the window adopts when a scene opens, starts again, or gets another method."""

from dataclasses import replace

import pytest

from core.config.march import MarchSettings
from tests.viewer.live import open_scene, write_quick_ball
from tests.viewer.state.test_view_state import state
from viewer.protocol.runs import RunSummary
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Compare
from viewer.state.following import SceneFollower

FORMER = RunSummary("mlp + occupancy", 7, 1.0, ())


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return open_scene(write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball")).info


@pytest.fixture
def followed():
    """A follower, its state and its calls."""
    calls, s = [], state()
    return (
        SceneFollower(s, {"alpha_thre": 0.2}, {"fov": 50.0}, calls.append, lambda: calls.append("home"), print),
        s,
        calls,
    )


def test_a_new_scene_begins_with_the_requested_settings_once(followed, scene):
    follower, s, calls = followed
    follower.follow(Status(scene=scene, scene_serial=1))
    assert calls == [scene.opened, "home"]
    assert s.march == replace(scene.train.march, alpha_thre=0.2) and s.view.fov == 50.0
    other = replace(scene, opened="elsewhere", path="elsewhere")
    follower.follow(Status(scene=other, scene_serial=2))
    assert s.march == scene.train.march and s.scene_serial == 2


def test_another_method_leaves_the_camera_the_thresholds_and_a_alone(followed, scene):
    follower, s, calls = followed
    follower.follow(Status(scene=scene, scene_serial=1))
    s.march = replace(s.march, occ_thre=0.3)
    s.keep_as_a()
    camera, march = s.camera, s.march
    slower = replace(scene, train=replace(scene.train, learning_rate=1e-4))
    follower.follow(Status(scene=slower, scene_serial=2, former=FORMER))
    assert (s.camera, s.march, s.other, calls.count("home")) == (camera, march, march, 1)
    assert s.runs[0] == "mlp + occupancy, step 7" and s.runs[1].startswith("ngp + occupancy")
    s.set_view(compare=Compare.RUN)
    follower.follow(Status(scene=slower, scene_serial=2, former=FORMER))
    assert s.comparing is Compare.RUN
    follower.follow(Status(scene=slower, scene_serial=2))
    assert (s.runs, s.view.compare) == ((), Compare.OFF)


def test_a_snapshots_run_that_is_taken_up_again_leaves_the_window_as_it_is(followed, scene):
    follower, s, calls = followed
    snapshot = replace(scene, opened="/somewhere/s.safetensors")
    follower.follow(Status(scene=snapshot, scene_serial=1))
    s.place(s.camera.orbited(0.3, 0.1))
    s.march = replace(s.march, occ_thre=0.3)
    s.keep_as_a()
    before = s.camera, s.march, s.other, list(calls)
    follower.follow(Status(scene=scene, scene_serial=2, former=FORMER))
    follower.follow(Status(scene=snapshot, scene_serial=3, former=FORMER))
    assert (s.camera, s.march, s.other, calls) == before and s.scene_serial == 3
    follower.follow(Status(scene=replace(scene, opened="/somewhere/else.safetensors"), scene_serial=4))
    assert calls[-1] == "home" and s.other is None, "another snapshot of the dataset is another scene"


def test_in_another_place_the_thresholds_follow(followed, scene):
    follower, s, _ = followed
    follower.follow(Status(scene=scene, scene_serial=1))
    march = replace(scene.train.march, render_step_size=0.2)
    follower.follow(Status(scene=replace(scene, train=replace(scene.train, march=march)), scene_serial=2))
    assert s.march == replace(march, alpha_thre=0.2)


def test_thresholds_that_do_not_fit_are_reported_and_not_used(scene):
    said, s = [], state()
    SceneFollower(s, {"near_plane": 1e8}, {}, print, lambda: None, said.append).follow(
        Status(scene=scene, scene_serial=1)
    )
    assert "keeps its own thresholds" in said[0] and s.march == scene.train.march != MarchSettings()
