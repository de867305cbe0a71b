"""Finds the thresholds that leave a view without a sample: puts them back one by one and marches a few rays again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.kernels.camera_rays import generate_rays
from viewer.picture.camera import camera_of
from viewer.protocol.requests import ViewRequest
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR, ToolKind

LONGEST_SIDE = 32
"""Rays along the longer side of the coarse picture that is marched for each candidate."""

ROUND = 64
"""Samples per ray in the first round."""

Change = tuple[str, Any]
"""A threshold's name and the value to put it back to."""


@dataclass(frozen=True)
class Emptied:
    """Why a view shows nothing.

    Attributes:
        request: the view.
        back: the changes that together bring samples back; empty where none do, because the camera looks past the
            scene or nothing has been learnt yet.
    """

    request: ViewRequest
    back: tuple[Change, ...]

    def sentence(self) -> str:
        """What empties the view, in one line."""
        march, names = self.request.march, settings_of(MarchSettings)
        parts = []
        for name, _ in self.back:
            value, setting = getattr(march, name), names[name]
            cause = "the crop box lies elsewhere" if name == "crop" else f"{setting.label.lower()} is {value:.4g}"
            parts.append(f"{cause} {setting.unit}".strip())
        return f"No sample is left in this view: {' and '.join(parts)}."

    def offer(self) -> str:
        """The label of the button that puts the thresholds back, "" where that doesn't help."""
        if not self.back:
            return ""
        (name, value), *more = self.back
        if more:
            return "Put them back"
        unit = settings_of(MarchSettings)[name].unit
        return "Put the crop box back" if name == "crop" else f"Put it back to {value:.4g} {unit}".strip()


class EmptiedTool:
    """Answers why a view has no sample. Each view is looked at once."""

    share = ASKED_FOR

    def __init__(self) -> None:
        self.result: Emptied | None = None
        self._request: ViewRequest | None = None

    def ask(self, question: ViewRequest | None, scene: OpenScene) -> None:
        """Look into this view; None: it has samples."""
        self._request, self.result = question, None

    def new_scene(self, scene: OpenScene) -> None:
        self._request, self.result = None, None

    def slice(self, scene: OpenScene) -> bool:
        request, self._request = self._request, None
        if request is None:
            return False
        changes = candidates(request.march, scene)
        self.result = Emptied(request, find_culprits(request.march, changes, keeps(request, scene)))
        return True


def candidates(march: MarchSettings, scene: OpenScene) -> list[Change]:
    """Values to try where they differ from the view's: training's, those the scene opened with, and thresholds off."""
    neutral = MarchSettings(
        alpha_thre=0.0,
        occ_thre=0.0,
        far_plane=settings_of(MarchSettings)["far_plane"].high,
        render_step_size=scene.info.train.march.render_step_size,
    )
    found: dict[Change, None] = {}
    for other in (scene.trainer.settings.march, scene.info.train.march, neutral):
        for name in ("near_plane", "far_plane", "crop", "occ_thre", "alpha_thre", "render_step_size", "cone_angle"):
            if getattr(other, name) != getattr(march, name):
                found[name, getattr(other, name)] = None
    return list(found)


def find_culprits(
    march: MarchSettings, changes: Iterable[Change], keeps: Callable[[MarchSettings], bool]
) -> tuple[Change, ...]:
    """The first change that brings samples back alone, else a smallest set that does together, else ().

    Args:
        keeps: whether the view has a sample with given thresholds.
    """
    changes = list(changes)
    for change in changes:
        if _works(march, [change], keeps):
            return (change,)
    strongest = list({name: (name, value) for name, value in changes}.values())  # the last value of each name
    if not _works(march, strongest, keeps):
        return ()
    needed = strongest
    for change in strongest:
        without = [other for other in needed if other != change]
        if without and _works(march, without, keeps):
            needed = without
    return tuple(needed)


def keeps(request: ViewRequest, scene: OpenScene) -> Callable[[MarchSettings], bool]:
    """Returns a test whether thresholds leave a sample on any of a few rays spread over a view."""
    trainer = scene.trainer
    scale = min(1.0, LONGEST_SIDE / max(request.width, request.height))
    width, height = (max(1, round(scale * x)) for x in (request.width, request.height))
    rays = generate_rays(camera_of(request.pose, width, height, trainer.device))

    @torch.no_grad()
    def has_samples(march: MarchSettings) -> bool:
        return trainer.sampler.sample(trainer.field, rays, march, None, ROUND).samples.n_samples > 0

    return has_samples


def _works(march: MarchSettings, changes: list[Change], keeps: Callable[[MarchSettings], bool]) -> bool:
    try:
        return keeps(replace(march, **dict(changes)))
    except ValueError:  # such as a near plane behind the far plane
        return False


EMPTIED: ToolKey[ViewRequest, Emptied] = ToolKey("emptied")
TOOL = ToolKind(EMPTIED, EmptiedTool)
