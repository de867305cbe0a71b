"""How close the present thresholds come to the photo of the view that the camera stands on, at the photo's pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.rendering import render_rays
from viewer.messages import PhotoId, ViewRequest
from viewer.pictures import views_of
from viewer.scene import Scene
from viewer.tools.base import ASIDE
from viewer.tools.scattered import ScatteredErrors


@dataclass(frozen=True)
class Likeness:
    """The rendered view against its photo, over one background.

    Attributes:
        photo: the dataset's view.
        psnr: in dB.
        largest: the largest absolute error of a colour channel, 0 to 1.
        share: of the photo's pixels compared so far, 0 to 1.
        step: the training step whose weights the newest pixels show.
    """

    photo: PhotoId
    psnr: float
    largest: float
    share: float
    step: int


class PhotoTool:
    """Renders a photo's own pixels, whatever the window's size, in a scattered order."""

    share = ASIDE

    def __init__(self) -> None:
        self.result: Likeness | None = None
        self._request: ViewRequest | None = None
        self._errors = ScatteredErrors()

    def ask(self, question: ViewRequest | None, scene: Scene) -> None:
        """Compare the photo that this view stands on, if it does; None: stop.

        Raises:
            ValueError: the dataset has no such photo.
        """
        if question is None or question.photo is None:
            question = None
        else:
            views_of(scene.trainer, question.photo)
        if question is None or self._request is None or not _same_colors(question, self._request):
            self.result = None
            self._errors.restart()
        self._request = question

    def new_scene(self, scene: Scene) -> None:
        self.ask(None, scene)

    def slice(self, scene: Scene) -> bool:
        request, errors, step = self._request, self._errors, scene.trainer.step_count
        if request is None:
            return False
        cameras = views_of(scene.trainer, request.photo).cameras
        if not errors.slice(cameras.width * cameras.height, step, lambda pixels: _colors(scene, request, pixels)):
            return False
        self.result = Likeness(request.photo, errors.psnr, errors.largest, errors.share, step)
        return True


def _colors(scene: Scene, request: ViewRequest, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Rendered and photographed colours at some of the photo's pixels."""
    trainer, photo = scene.trainer, request.photo
    batch = views_of(trainer, photo).pixels(photo.index, pixels).to(trainer.device)
    background = torch.tensor(request.view.background, device=trainer.device)
    rendered = render_rays(trainer.field, trainer.sampler, batch.rays, request.march, background).colors
    return rendered, batch.over(background)


def _same_colors(a: ViewRequest, b: ViewRequest) -> bool:
    return (a.photo, a.march, a.view.background) == (b.photo, b.march, b.view.background)
