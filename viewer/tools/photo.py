"""How close the present thresholds come to the photo of the view that the camera stands on, at the photo's pixels."""

import torch
from torch import Tensor

from core.rendering.render import render_rays
from viewer.picture.pictures import views_of
from viewer.protocol.requests import ViewRequest
from viewer.scene.open_scene import OpenScene
from viewer.tools.scattered import Pair


def _key(scene: OpenScene, request: ViewRequest) -> tuple | None:
    """Raises ValueError if the dataset has no such photo."""
    if request.photo is None:
        return None
    views_of(scene.trainer, request.photo)
    return request.photo, request.march, request.view.background


def _n_pixels(scene: OpenScene, request: ViewRequest) -> int:
    return views_of(scene.trainer, request.photo).n_used(request.photo.index)


def _colors(scene: OpenScene, request: ViewRequest, pixels: Tensor) -> tuple[Tensor, Tensor]:
    trainer, photo = scene.trainer, request.photo
    batch = views_of(trainer, photo).used_pixels(photo.index, pixels).to(trainer.device)
    background = torch.tensor(request.view.background, device=trainer.device)
    rendered = render_rays(trainer.field, trainer.sampler, batch.rays, request.march, background).colors
    return rendered, batch.over(background)


RENDER_AND_PHOTO = Pair(_key, _n_pixels, _colors)
"""A photo's own pixels that no mask hides, whatever the window's size, rendered and photographed, over one
background."""
