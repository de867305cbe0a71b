"""A tool that answers each question once, in one slice."""

from collections.abc import Callable
from typing import Generic

from viewer.protocol.session import Answer, Question
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR


class OnceTool(Generic[Question, Answer]):
    """A tool, see `viewer.tools.base.Tool`.

    Args:
        answer: returns the answer to a question about the open scene.
    """

    share = ASKED_FOR

    def __init__(self, answer: Callable[[Question, OpenScene], Answer]):
        self.result: Answer | None = None
        self._answer = answer
        self._question: Question | None = None

    def ask(self, question: Question | None, scene: OpenScene) -> None:
        self._question = question

    def new_scene(self, scene: OpenScene) -> None:
        self._question = self.result = None

    def slice(self, scene: OpenScene) -> bool:
        question, self._question = self._question, None
        if question is None:
            return False
        self.result = self._answer(question, scene)
        return True
