"""What the thresholds cost in quality: the view against the same view with thresholds off, pixel by pixel."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.cameras import rays_of_pixels
from core.rendering import render_rays
from core.settings import THRESHOLDS_OFF
from viewer.messages import ViewRequest
from viewer.pictures import camera_of
from viewer.scene import Scene
from viewer.tools.base import ASIDE
from viewer.tools.scattered import ScatteredErrors


@dataclass(frozen=True)
class Difference:
    """The shown view against thresholds off.

    Attributes:
        request: the view that was compared.
        psnr: in dB; inf without a difference.
        largest: the largest absolute difference of a colour channel, 0 to 1.
        share: of the view's pixels compared so far, 0 to 1.
        step: the training step whose weights the newest pixels show.
    """

    request: ViewRequest
    psnr: float
    largest: float
    share: float
    step: int


class ReferenceTool:
    """Renders random pixels of the view twice, with its thresholds and without."""

    share = ASIDE

    def __init__(self) -> None:
        self.result: Difference | None = None
        self._request: ViewRequest | None = None
        self._errors = ScatteredErrors()

    def ask(self, question: ViewRequest | None, scene: Scene) -> None:
        """Compare this view; None: stop."""
        if question is None or self._request is None or not _same_pixels(question, self._request):
            self.result = None
            self._errors.restart()
        self._request = question

    def new_scene(self, scene: Scene) -> None:
        self.result, self._request = None, None
        self._errors.restart()

    def slice(self, scene: Scene) -> bool:
        request, errors, step = self._request, self._errors, scene.trainer.step_count
        if request is None:
            return False
        if not errors.slice(request.width * request.height, step, lambda pixels: _colors(scene, request, pixels)):
            return False
        self.result = Difference(request, errors.psnr, errors.largest, errors.share, step)
        return True


def _colors(scene: Scene, request: ViewRequest, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The view's colours at some of its pixels, with its thresholds and without."""
    trainer, pixels = scene.trainer, pixels.to(scene.trainer.device)
    camera = camera_of(request.pose, request.width, request.height, trainer.device)
    rays = rays_of_pixels(camera, pixels)
    background = torch.tensor(request.view.background, device=trainer.device)
    pair = (request.march, replace(request.march, **THRESHOLDS_OFF))
    on, off = (render_rays(trainer.field, trainer.sampler, rays, march, background).colors for march in pair)
    return on, off


def _same_pixels(a: ViewRequest, b: ViewRequest) -> bool:
    names = ("pose", "width", "height", "march")
    return a.view.background == b.view.background and all(getattr(a, name) == getattr(b, name) for name in names)
