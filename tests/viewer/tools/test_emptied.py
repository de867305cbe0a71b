from dataclasses import replace

import pytest

from core.config.march import MarchSettings
from tests.viewer.live import open_scene, view_request
from viewer.tools.emptied import EmptiedTool, find_culprits, keeps


@pytest.fixture(scope="module")
def scene(ball):
    return open_scene(ball, 40)


def culprits(scene, size=(64, 48), **changes):
    request = view_request(scene.info, replace(scene.info.train.march, **changes), size=size)
    tool = EmptiedTool()
    tool.ask(request, scene)
    assert tool.slice(scene)
    assert not tool.slice(scene)
    assert tool.result.request is request
    return tool.result


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha_thre": 0.5, "render_step_size": 1e-4},
        {"alpha_thre": 0.5, "render_step_size": 1e-4, "occ_thre": 1.0},
        {"near_plane": 50.0},
        {"far_plane": 0.5},
        {"occ_thre": 1.0, "render_step_size": 0.04},
        {"crop": (50.0, 50.0, 50.0, 51.0, 51.0, 51.0)},
        {"render_step_size": 900.0},
    ],
)
def test_resetting_the_settings_found_brings_samples_back(scene, changes):
    scene.trainer.grid.occs.clamp_(max=0.9)
    found = culprits(scene, **changes)
    names = {name for name, _ in found.back}
    assert names and names <= set(changes)
    has_samples, march = keeps(found.request, scene), found.request.march
    assert not has_samples(march)
    assert has_samples(replace(march, **dict(found.back)))


def test_one_setting_is_found_among_harmless_ones(scene):
    found = culprits(scene, near_plane=50.0, early_stop_eps=0.5, alpha_thre=1e-3)
    assert found.back == (("near_plane", 0.0),)
    assert found.sentence() == "No sample is left in this view: near is 50 units."
    assert found.offer() == "Put it back to 0 units"


def test_two_settings_that_each_suffice_to_empty_a_view_are_found_together(scene):
    found = culprits(scene, near_plane=50.0, crop=(50.0, 50.0, 50.0, 51.0, 51.0, 51.0), early_stop_eps=0.5)
    assert {name for name, _ in found.back} == {"near_plane", "crop"}
    assert found.offer() == "Put them back"
    assert "near is 50 units and the crop box" in found.sentence()


def test_a_camera_that_looks_away_blames_nothing(scene):
    request = view_request(scene.info, replace(scene.info.train.march, alpha_thre=0.4))
    c2w = list(request.pose.c2w)
    for i in (0, 2, 4, 6, 8, 10):
        c2w[i] = -c2w[i]  # turn about its own up axis
    tool = EmptiedTool()
    tool.ask(replace(request, pose=replace(request.pose, c2w=tuple(c2w))), scene)
    tool.slice(scene)
    assert tool.result.back == () and tool.result.offer() == ""


def test_a_reset_that_would_swap_near_and_far_is_not_offered():
    march = MarchSettings(near_plane=50.0, far_plane=60.0)
    changes = [("far_plane", 10.0), ("near_plane", 0.0)]
    assert find_culprits(march, changes, lambda march: march.near_plane < 5.0) == (("near_plane", 0.0),)


def test_a_newer_question_and_another_scene_void_the_answer(scene):
    tool = EmptiedTool()
    tool.ask(view_request(scene.info, replace(scene.info.train.march, near_plane=50.0)), scene)
    tool.slice(scene)
    assert tool.result is not None
    tool.ask(None, scene)
    assert tool.result is None and not tool.slice(scene)
