"""How close the render comes to the photo that the camera stands on, at the photo's own pixels."""

from functools import partial

import torch
from torch import Tensor

from core.rendering.render import render_pixels
from viewer.picture.render import views_of
from viewer.protocol.requests import PhotoId, ViewRequest
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ToolKind
from viewer.tools.scattered import Difference, Pair, ScatteredTool


def _key(scene: OpenScene, request: ViewRequest) -> tuple | None:
    """Raises ValueError if the dataset has no such photo."""
    if request.photo is None:
        return None
    views_of(scene.trainer, request.photo)
    return request.photo, request.march, request.view.background


def _n_pixels(scene: OpenScene, request: ViewRequest) -> int:
    photo = _photo(request)
    return views_of(scene.trainer, photo).n_used(photo.index)


def _colors(scene: OpenScene, request: ViewRequest, pixels: Tensor) -> tuple[Tensor, Tensor]:
    trainer, photo = scene.trainer, _photo(request)
    batch = views_of(trainer, photo).used_pixels(photo.index, pixels).to(trainer.device)
    background = torch.tensor(request.view.background, device=trainer.device)
    rendered = render_pixels(trainer.field, trainer.sampler, batch.rays, request.march, background).colors
    return rendered, batch.over(background)


def _photo(request: ViewRequest) -> PhotoId:
    assert request.photo is not None, "without a photo there is no key, and so no pair"
    return request.photo


RENDER_AND_PHOTO = Pair(_key, _n_pixels, _colors)
"""Render and photo over one background, at the photo's pixels that no mask hides, whatever the window's size."""

PHOTO: ToolKey[ViewRequest, Difference] = ToolKey("photo")
TOOL = ToolKind(PHOTO, partial(ScatteredTool, RENDER_AND_PHOTO))
