"""What the thresholds cost in quality: the view against the same view with thresholds off, pixel by pixel."""

import math
import time
from dataclasses import dataclass, replace

import torch

from core.cameras import rays_through
from core.evaluation import PixelErrors
from core.rendering import render_rays
from core.settings import THRESHOLDS_OFF
from viewer.messages import ViewRequest
from viewer.pictures import camera_of
from viewer.scene import Scene
from viewer.tools.base import FIRST_BATCH, next_batch


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
    """Renders random pixels of the view twice, with its thresholds and without.

    While training runs, a pixel's two colours come from the same weights, and pixels of older weights are kept only
    until newer ones replace them: after each tenth of the view the count begins anew.
    """

    FRESH_SHARE = 0.1

    def __init__(self) -> None:
        self.result: Difference | None = None
        self._request: ViewRequest | None = None
        self._restart()

    def ask(self, question: ViewRequest | None, scene: Scene) -> None:
        """Compare this view; None: stop."""
        if question is None or self._request is None or not _same_rays(question, self._request):
            self.result = None
            self._restart()
        self._request = question

    def new_scene(self, scene: Scene) -> None:
        self.result, self._request = None, None
        self._restart()

    def slice(self, scene: Scene) -> bool:
        request, step = self._request, scene.trainer.step_count
        if request is None:
            return False
        n_pixels = request.width * request.height
        if step != self._step and self._errors.n_pixels >= self.FRESH_SHARE * n_pixels:
            self._restart()
        if self._errors.n_pixels >= n_pixels:
            return False
        self._step = step
        began = time.perf_counter()
        self._compare(scene, request, n_pixels)
        self._batch = next_batch(self._batch, time.perf_counter() - began)
        errors = self._errors
        self.result = Difference(request, errors.psnr, errors.largest, errors.n_pixels / n_pixels, step)
        return True

    def _restart(self) -> None:
        self._errors, self._batch, self._step = PixelErrors(), FIRST_BATCH, -1

    @torch.no_grad()
    def _compare(self, scene: Scene, request: ViewRequest, n_pixels: int) -> None:
        trainer, first = scene.trainer, self._errors.n_pixels
        camera = camera_of(request.pose, request.width, request.height, trainer.device)
        pixels = scattered(first, min(first + self._batch, n_pixels), n_pixels).to(trainer.device)
        rays = rays_through(camera.c2w, camera.K, pixels % camera.width + 0.5, pixels // camera.width + 0.5)
        background = torch.tensor(request.view.background, device=trainer.device)
        pair = (request.march, replace(request.march, **THRESHOLDS_OFF))
        self._errors.add(*(render_rays(trainer.field, trainer.sampler, rays, m, background).colors for m in pair))


def scattered(first: int, last: int, n: int) -> torch.Tensor:
    """The members `first` to `last` of an order of 0 to n - 1 that spreads evenly: multiples of n over the golden
    ratio, with a stride made coprime to n so that each comes exactly once (a Weyl sequence). (last - first,) int64."""
    stride = max(1, round(n * 0.6180339887))
    while math.gcd(stride, n) != 1:
        stride += 1
    return torch.arange(first, last) * stride % n


def _same_rays(a: ViewRequest, b: ViewRequest) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in ("pose", "width", "height", "march"))
