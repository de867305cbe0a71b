"""Where the silhouettes, points and cameras of the open scene say that it lies."""

from typing import NamedTuple

from core.datasets.bounds.scene_bounds import fit_place
from core.geometry.placement import Place
from viewer.scene.open_scene import OpenScene


class FitQuestion(NamedTuple):
    """Asked once for each `number`; `scene_serial` is that of the status whose scene is meant."""

    number: int
    scene_serial: int


class Fit(NamedTuple):
    """The answer to the question of that number."""

    number: int
    place: Place


def fit(question: FitQuestion, scene: OpenScene) -> Fit:
    """Find it. It takes longer than other slices: carving silhouettes takes half a second."""
    return Fit(question.number, fit_place(scene.trainer.dataset))
