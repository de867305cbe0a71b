"""A tool that answers each question once, in one slice."""

from collections.abc import Callable
from typing import Any

from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR


class OnceTool:
    """A tool, see `viewer.tools.base.Tool`.

    Args:
        answer: gives the result for a question and the open scene.
    """

    share = ASKED_FOR

    def __init__(self, answer: Callable[[Any, OpenScene], Any]):
        self.result: Any = None
        self._answer = answer
        self._question: Any = None

    def ask(self, question: Any, scene: OpenScene) -> None:
        self._question = question

    def new_scene(self, scene: OpenScene) -> None:
        self._question = self.result = None

    def slice(self, scene: OpenScene) -> bool:
        question, self._question = self._question, None
        if question is None:
            return False
        self.result = self._answer(question, scene)
        return True
