"""Whether the open scene could be trained with a method, and with which settings by default."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from core.training.build import Overrides, settings_for
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ToolKind
from viewer.tools.once import OnceTool


class MethodQuestion(NamedTuple):
    """A method to train with; `scene_serial` is that of the status whose scene is meant."""

    method: Overrides
    scene_serial: int


class MethodAnswer(NamedTuple):
    """What is known of a method.

    Attributes:
        usual: the default settings of the chosen field, and of the chosen sampler together with the settings chosen
            for the field, by "field" and "sampler"; {} where the method doesn't exist.
        problem: why the scene can't be trained with it, in one sentence; "" if it can.
        trained: the scene is trained with it now.
    """

    question: MethodQuestion
    usual: Mapping[str, Any]
    problem: str
    trained: bool


def answer(question: MethodQuestion, scene: OpenScene) -> MethodAnswer:
    """Find the settings as training would."""
    settings = partial(settings_for, scene.trainer.dataset, scene.trainer.device)
    method, trained, usual = question.method, scene.info.method, {}
    try:
        plain = settings(Overrides(method=method.method))
        usual = {"field": plain.field, "sampler": plain.sampler}
        usual["sampler"] = settings(replace(method, sampler={})).sampler  # its defaults depend on the field's settings
        found = settings(method)
        same = method.method == trained.method and found == settings(trained)
    except ValueError as error:
        return MethodAnswer(question, usual, str(error), False)
    return MethodAnswer(question, usual, "", same)


METHOD: ToolKey[MethodQuestion, MethodAnswer] = ToolKey("method")
TOOL = ToolKind(METHOD, partial(OnceTool, answer))
