"""Where the open scene lies, as its silhouettes, points and cameras tell."""

from functools import partial
from typing import NamedTuple

from core.datasets.bounds.scene_bounds import fit_place
from core.geometry.placement import Place
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ToolKind
from viewer.tools.once import OnceTool


class FitQuestion(NamedTuple):
    """Asked once for each `number`; `scene_serial` is that of the status whose scene is meant."""

    number: int
    scene_serial: int


class Fit(NamedTuple):
    """The answer to the question of that number."""

    number: int
    place: Place


def fit(question: FitQuestion, scene: OpenScene) -> Fit:
    """Find the place. Takes longer than other slices: carving silhouettes takes half a second."""
    return Fit(question.number, fit_place(scene.trainer.dataset))


FIT: ToolKey[FitQuestion, Fit] = ToolKey("fit")
TOOL = ToolKind(FIT, partial(OnceTool, fit))
