"""Finds the setting that leaves a view without a sample, by putting settings back and marching a few rays again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.kernels.camera_rays import generate_rays
from viewer.picture.pictures import camera_of
from viewer.protocol.requests import ViewRequest
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR

LONGEST_SIDE = 32
"""Rays along the longer side of the coarse picture that is marched for each setting."""

ROUND = 64
"""Samples a ray takes in the first round."""

Change = tuple[str, Any]
"""A threshold's name and a value to put it back to."""


@dataclass(frozen=True)
class Emptied:
    """Why a view shows nothing.

    Attributes:
        request: the view.
        back: the changes that bring samples back, all of them together; empty where nothing does, for the camera looks
            past the scene or nothing has been learnt.
    """

    request: ViewRequest
    back: tuple[Change, ...]

    def sentence(self) -> str:
        """What does it, in one line."""
        march, names = self.request.march, settings_of(MarchSettings)
        parts = []
        for name, _ in self.back:
            value, setting = getattr(march, name), names[name]
            fitting = "the crop box lies elsewhere" if name == "crop" else f"{setting.label.lower()} is {value:.4g}"
            parts.append(f"{fitting} {setting.unit}".strip())
        return f"No sample is left in this view: {' and '.join(parts)}."

    def offer(self) -> str:
        """What the button that puts the settings back says."""
        if len(self.back) > 1:
            return "Put them back"
        name, value = self.back[0]
        unit = settings_of(MarchSettings)[name].unit
        return "Put the crop box back" if name == "crop" else f"Put it back to {value:.4g} {unit}".strip()


class EmptiedTool:
    """Answers the question why a view (a `ViewRequest`) has no sample. Each view is looked at once."""

    share = ASKED_FOR

    def __init__(self) -> None:
        self.result: Emptied | None = None
        self._request: ViewRequest | None = None

    def ask(self, question: ViewRequest | None, scene: OpenScene) -> None:
        """Look at this view; None: it has samples."""
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
    """Values to try, where they differ from the view's: training's, those the scene opened with, and none at all."""
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
    """The first change that alone brings samples back; or else as few of them as do it together, or none.

    Args:
        keeps: whether a view with some thresholds has a sample.
    """
    changes = list(changes)
    for change in changes:
        if _works(march, [change], keeps):
            return (change,)
    strongest = list({name: (name, value) for name, value in changes}.values())  # of each name the last one
    if not _works(march, strongest, keeps):
        return ()
    needed = strongest
    for change in strongest:
        without = [other for other in needed if other != change]
        if without and _works(march, without, keeps):
            needed = without
    return tuple(needed)


def keeps(request: ViewRequest, scene: OpenScene) -> Callable[[MarchSettings], bool]:
    """Whether thresholds leave a sample on any of a few rays, spread over a view."""
    trainer = scene.trainer
    scale = min(1.0, LONGEST_SIDE / max(request.width, request.height))
    size = (max(1, round(scale * x)) for x in (request.width, request.height))
    rays = generate_rays(camera_of(request.pose, *size, trainer.device))

    @torch.no_grad()
    def has_samples(march: MarchSettings) -> bool:
        return trainer.sampler.sample(trainer.field, rays, march, None, ROUND).samples.n_samples > 0

    return has_samples


def _works(march: MarchSettings, changes: list[Change], keeps: Callable[[MarchSettings], bool]) -> bool:
    try:
        return keeps(replace(march, **dict(changes)))
    except ValueError:  # planes that don't go together
        return False
