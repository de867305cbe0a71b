"""How far away what a pixel shows is, along the view axis: a lens is focused there."""

import math
from dataclasses import dataclass

import torch

from core.kernels.camera_rays import rays_of_pixels
from core.rendering.render import render_rays
from viewer.picture.camera import camera_of
from viewer.protocol.requests import ViewRequest
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ToolKind
from viewer.tools.once import OnceTool


@dataclass(frozen=True)
class FocusQuestion:
    """A pixel of a view, counted from the upper left."""

    request: ViewRequest
    column: int
    row: int

    @property
    def scene_serial(self) -> int | None:
        """See `ForScene`."""
        return self.request.scene_serial


@dataclass(frozen=True)
class FocusAnswer:
    """The distance along the view axis, in scene units; None: the pixel shows nothing."""

    question: FocusQuestion
    distance: float | None


@torch.no_grad()
def find_focus(question: FocusQuestion, scene: OpenScene) -> FocusAnswer:
    """Where half the light of the pixel's ray is gone."""
    request, trainer = question.request, scene.trainer
    camera = camera_of(request.pose, request.width, request.height, trainer.device)
    pixel = torch.tensor([question.row * request.width + question.column], device=trainer.device)
    rays = rays_of_pixels(camera, pixel)
    background = torch.tensor(request.view.background, device=trainer.device)
    out = render_rays(trainer.field, trainer.sampler, rays, request.march, background)
    distance = float(out.median_depths[0]) * float(-camera.c2w[:3, 2] @ rays.rays_d[0])
    return FocusAnswer(question, distance if math.isfinite(distance) else None)


FOCUS: ToolKey[FocusQuestion, FocusAnswer] = ToolKey("focus")
TOOL = ToolKind(FOCUS, lambda: OnceTool(find_focus))
