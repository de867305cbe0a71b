"""The check of the open dataset, slice by slice."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core.datasets.checks.dataset_check import Examination, Grade
from core.geometry.placement import Place
from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset
from viewer.scene.open_scene import OpenScene
from viewer.tools import check
from viewer.tools.check import CHECK, CheckTool
from viewer.tools.images import IMAGES
from viewer.tools.toolbox import Toolbox


def scene(dataset=None) -> OpenScene:
    return OpenScene(Trainer(dataset or ball_dataset(), SMALL_FIELD, SMALL_TRAINING))


@pytest.fixture
def opened():
    return scene()


def finish(tool: CheckTool, opened: OpenScene) -> int:
    """Run slices until nothing is left to do; returns their number."""
    n = 0
    while tool.slice(opened):
        n += 1
    return n


def test_without_being_asked_it_reports_what_the_check_command_reports(opened):
    tool = CheckTool()
    tool.new_scene(opened)
    assert tool.result is None
    finish(tool, opened)
    examination = Examination(opened.trainer.dataset)
    while examination.advance():
        pass
    report, result = examination.report(), tool.result
    assert result.finished and result.n_pictures == 15
    assert (result.verdict, result.grade, result.findings) == (report.verdict, report.grade, report.findings)
    assert [fact for fact in result.facts if fact[0] != "memory"] == [f for f in report.facts() if f[0] != "memory"]
    assert result.grade is Grade.DOUBTFUL, "12 views are few"


def test_poses_are_judged_at_once_and_pictures_slice_by_slice(opened, monkeypatch):
    monkeypatch.setattr(check, "SLICE_SECONDS", 0.0)
    tool = CheckTool()
    assert tool.slice(opened)
    first = tool.result
    assert (first.n_looked_at, first.finished, first.ranking) == (0, False, ())
    assert any("are few" in finding.text for finding in first.findings)
    assert tool.slice(opened)
    assert tool.result.n_looked_at == 1 and tool.result.facts is first.facts
    assert finish(tool, opened) == 14
    assert tool.result.finished and not tool.slice(opened)


def test_it_does_not_wait_when_other_tools_exceeded_their_share(opened, monkeypatch):
    monkeypatch.setattr(check, "SLICE_SECONDS", 0.0)
    tools = Toolbox()
    tools.new_scene(opened)
    tools.ask(IMAGES, frozenset(), opened)
    n_steps = 0
    while tools.result(CHECK) is None or not tools.result(CHECK).finished:
        tools._next_at[False] = math.inf  # the others have far exceeded their share
        tools._next_at[True] = 0.0
        assert tools.slice(opened, training=True)
        n_steps += 1
    assert n_steps == 16
    tools._next_at[True] = 0.0
    assert not tools.slice(opened, training=True), "it has nothing left to do"


def test_a_reset_keeps_it_and_another_dataset_voids_it(opened):
    tool = CheckTool()
    finish(tool, opened)
    result = tool.result
    restarted = opened.restarted(seed=1)
    tool.new_scene(restarted)
    assert not tool.slice(restarted) and tool.result is result
    other = scene(ball_dataset(size=16))
    tool.new_scene(other)
    assert tool.result is None
    finish(tool, other)
    assert tool.result.facts != result.facts


def test_another_place_and_another_up_are_judged_without_looking_at_pictures_again(opened, monkeypatch):
    tool = CheckTool()
    finish(tool, opened)
    drawn = tool.result.drawing
    monkeypatch.setattr("core.datasets.checks.dataset_check.measure_image", lambda *_: pytest.fail("looked at again"))
    opened.turn_up((1.0, 0.0, 0.0))
    assert finish(tool, opened) == 1
    assert dict(tool.result.facts)["box"] and any("+x is up" in text for _, text in tool.result.facts)
    assert (tool.result.drawing != drawn).any()
    moved = opened.moved(Place((-0.5, -0.5, -0.5, 0.5, 0.5, 0.5)), seed=0)
    tool.new_scene(moved)
    assert finish(tool, moved) == 1
    assert any("sides 1 x 1 x 1" in text for _, text in tool.result.facts)


def test_checking_changes_nothing_that_training_depends_on():
    losses = []
    for looked in (False, True):
        opened, tool = scene(), CheckTool()
        for _ in range(6):
            if looked:
                tool.slice(opened)
            opened.step()
        losses.append(opened.losses.points)
    assert losses[0] == losses[1]


def test_arrays_that_were_handed_over_are_not_written_to_again(opened):
    tool = CheckTool()
    tool.slice(opened)
    drawing = tool.result.drawing
    copy = drawing.copy()
    finish(tool, opened)
    opened.turn_up((0.0, 1.0, 0.0))
    finish(tool, opened)
    np.testing.assert_array_equal(drawing, copy)


def test_a_scene_without_test_views_is_checked_as_well():
    dataset = ball_dataset()
    opened, tool = scene(replace(dataset, test=dataset.test.spread(0))), CheckTool()
    finish(tool, opened)
    assert dict(tool.result.facts)["test"] == "no views" and tool.result.n_pictures == 12


@pytest.mark.parametrize("broken", ["draw_dataset", "Examination", "Examination.advance"])
def test_a_dataset_that_cannot_be_judged_is_given_up(opened, monkeypatch, broken):
    def fail(*_):
        raise ValueError("no")

    tools = Toolbox()
    tools.new_scene(opened)
    with monkeypatch.context() as patch:
        patch.setattr(f"viewer.tools.check.{broken}", fail)
        with pytest.raises(ValueError, match="no"):
            while True:
                assert tools.slice(opened, training=False)
        for _ in range(3):
            assert not tools.slice(opened, training=False) and tools.result(CHECK) is None
        tools.new_scene(opened.restarted(seed=1))
        assert not tools.slice(opened, training=False)
    opened.turn_up((1.0, 0.0, 0.0))
    assert tools.slice(opened, training=False) and tools.result(CHECK) is not None
