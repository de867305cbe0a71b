"""Where the silhouettes, points and cameras of the open scene say that it lies."""

from typing import NamedTuple

from core.datasets.placing import fitted
from core.place import Place
from viewer.scene import Scene
from viewer.tools.base import ASKED_FOR


class FitQuestion(NamedTuple):
    """Asked once for each `number`; `scene_serial` is that of the status whose scene is meant."""

    number: int
    scene_serial: int


class Fit(NamedTuple):
    """The answer to the question of that number."""

    number: int
    place: Place


class FitTool:
    """A tool, see `viewer.tools.base.Tool`. Its one slice is longer than others: carving silhouettes takes half a
    second."""

    share = ASKED_FOR

    def __init__(self) -> None:
        self.result: Fit | None = None
        self._question: FitQuestion | None = None

    def ask(self, question: FitQuestion | None, scene: Scene) -> None:
        self._question = question

    def new_scene(self, scene: Scene) -> None:
        self._question = self.result = None

    def slice(self, scene: Scene) -> bool:
        question, self._question = self._question, None
        if question is None:
            return False
        self.result = Fit(question.number, fitted(scene.trainer.dataset))
        return True
