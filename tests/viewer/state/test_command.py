import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import run_viewer
from core.config.read_options import ReadOptions
from core.geometry.placement import override_place
from core.training.build import Overrides
from tests.viewer.live import open_scene, write_quick_ball
from viewer.protocol.view_settings import Mode
from viewer.state.command import command, opened_view, place_overrides


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return open_scene(write_quick_ball(tmp_path_factory.mktemp("a folder's") / "the ball")).info


def read(line, scene):
    """The settings that the window would have after opening the scene with a command."""
    words = shlex.split(line)
    assert words[0] == "run_viewer.py"
    view = run_viewer.parse(words[1:])
    march = replace(scene.train.march, **view.thresholds)
    return view, march, replace(opened_view(scene), **view.picture)


def test_the_settings_a_scene_opens_with_need_no_flag(scene):
    line = command(scene, scene.train.march, opened_view(scene))
    view = read(line, scene)[0]
    assert (view.thresholds, view.picture) == ({}, {})
    assert Path(view.dataset) == Path(scene.path) and Path(view.dataset).is_absolute()


CHANGES = [
    {"alpha_thre": 1.23e-5},
    {"alpha_thre": 0.0, "early_stop_eps": 0.0, "occ_thre": 0.0},
    {"render_step_size": 3e-05, "cone_angle": 0.00391, "near_plane": 1 / 3, "far_plane": 1e9},
    {"crop": (-1.5, -2e-05, 0.0, 1e-05, 2.0, 1e6)},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_parsed_command_gives_the_same_thresholds(scene, changes):
    march = replace(scene.train.march, **changes)
    view, again, picture = read(command(scene, march, opened_view(scene)), scene)
    assert again == march
    assert picture == opened_view(scene)
    assert set(view.thresholds) == {name for name in changes if changes[name] != getattr(scene.train.march, name)}


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": Mode.HALF_DEPTH, "background": (0.0, 0.25, 1.0)},
        {"show_box": True, "fov": 61.5, "cells_opacity": 0.4},
        {"cells_level": 2, "tint_strength": 0.125},
    ],
)
def test_a_parsed_command_gives_the_same_view(scene, changes):
    view = replace(opened_view(scene), **changes)
    _, march, again = read(command(scene, scene.train.march, view), scene)
    assert again == view
    assert march == scene.train.march


def test_a_scene_is_opened_again_as_it_was(scene):
    reading = ReadOptions(2, "opencv", allow_outside=True)
    line = command(replace(scene, reading=reading), scene.train.march, opened_view(scene))
    assert ReadOptions(**read(line, scene)[0].reading) == reading


def test_a_scene_trained_in_another_place_opens_there_again(scene):
    place = scene.place._replace(box=(-1.0, -1e-05, -1.0, 1 / 3, 1.0, 1.0), n_levels=3, up=(0.0, -1.0, 0.0))
    moved = replace(
        scene, box=place.box, up=place.up, train=replace(scene.train, grid_levels=3), opened_place=scene.place
    )
    view = read(command(moved, moved.train.march, opened_view(moved)), moved)[0]
    assert override_place(scene.place, **view.place) == place
    assert place_overrides(place, None).keys() == {"box", "levels", "up"} and place_overrides(place, place) == {}
    assert read(command(scene, scene.train.march, opened_view(scene)), scene)[0].place == {}
    tilted = replace(scene, up=(0.6, 0.0, 0.8))
    assert "--up" not in command(tilted, scene.train.march, opened_view(tilted))


def test_a_scene_with_another_method_opens_with_it_again(scene):
    method = Overrides(method={"field": "mlp", "sampler": "rvs"}, field={"depth": 4}, sampler={"use": "hierarchical"})
    view = read(command(replace(scene, method=method), scene.train.march, opened_view(scene)), scene)[0]
    assert (view.method, view.network, view.sampling) == (method.method, method.field, method.sampler)
    usual = Overrides(method={"field": "ngp", "sampler": "occupancy"})
    assert "--field" not in command(replace(scene, method=usual), scene.train.march, opened_view(scene))
    snapshot = replace(scene, method=method, opened="s.safetensors")
    assert "--field" not in command(snapshot, scene.train.march, opened_view(scene)), "a snapshot keeps its own method"
    own = replace(snapshot, method=Overrides(method={"field": "f.py:Mine", "sampler": "rvs"}, sampler={"n_bins": 8}))
    line = command(own, scene.train.march, opened_view(scene))
    assert line.endswith("--field f.py:Mine"), "a snapshot keeps all but the code of its field"


def test_the_demo_is_opened_by_its_name(scene):
    scene = replace(scene, opened="demo", method=Overrides(method=scene.method.method))
    assert command(scene, scene.train.march, opened_view(scene)) == "run_viewer.py demo"
