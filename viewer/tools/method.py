"""Whether the open scene could be trained with a method, and with which settings unless asked."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from core.training.build import Overrides, settings_for
from viewer.scene.open_scene import OpenScene


class MethodQuestion(NamedTuple):
    """What one would like to train with; `scene_serial` is that of the status whose scene is meant."""

    wished: Overrides
    scene_serial: int


class MethodAnswer(NamedTuple):
    """What is known of it.

    Attributes:
        usual: the settings of field and sampler where none is asked for, by the names of these choices, the sampler's
            with the field that is asked for; {} where there are none.
        problem: why it can't be trained in one sentence, "" if it can.
        trained: it is what the scene is trained with.
    """

    question: MethodQuestion
    usual: Mapping[str, Any]
    problem: str
    trained: bool


def answer(question: MethodQuestion, scene: OpenScene) -> MethodAnswer:
    """Ask for the settings as training would."""
    settings = partial(settings_for, scene.trainer.dataset, scene.trainer.device)
    wished, trained, usual = question.wished, scene.info.method, {}
    try:
        plain = settings(Overrides(method=wished.method))
        usual = {"field": plain.field, "sampler": plain.sampler}
        usual["sampler"] = settings(replace(wished, sampler={})).sampler  # it follows the field's settings
        found = settings(wished)
        same = wished.method == trained.method and found == settings(trained)
    except ValueError as error:
        return MethodAnswer(question, usual, str(error), False)
    return MethodAnswer(question, usual, "", same)
