"""What the thresholds cost in quality: the view against the same view with thresholds off, pixel by pixel."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from core.config.march import THRESHOLDS_OFF
from core.kernels.camera_rays import rays_of_pixels
from core.rendering.render import render_pixels
from viewer.picture.camera import camera_of
from viewer.protocol.requests import ViewRequest
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ToolKind
from viewer.tools.scattered import Difference, Pair, ScatteredTool


def _key(scene: OpenScene, request: ViewRequest) -> tuple:
    return request.pose, request.width, request.height, request.march, request.view.background


def _n_pixels(scene: OpenScene, request: ViewRequest) -> int:
    return request.width * request.height


def _colors(scene: OpenScene, request: ViewRequest, pixels: Tensor) -> tuple[Tensor, Tensor]:
    trainer = scene.trainer
    camera = camera_of(request.pose, request.width, request.height, trainer.device)
    rays = rays_of_pixels(camera, pixels.to(trainer.device))
    background = torch.tensor(request.view.background, device=trainer.device)
    pair = (request.march, replace(request.march, **THRESHOLDS_OFF))
    on, off = (render_pixels(trainer.field, trainer.sampler, rays, march, background).colors for march in pair)
    return on, off


WITH_AND_WITHOUT = Pair(_key, _n_pixels, _colors)
"""The view at its own pixels with its thresholds, and with thresholds off."""

REFERENCE: ToolKey[ViewRequest, Difference] = ToolKey("reference")
TOOL = ToolKind(REFERENCE, partial(ScatteredTool, WITH_AND_WITHOUT))
