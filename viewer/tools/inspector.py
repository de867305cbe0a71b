"""The inspected ray: what became of its samples, refreshed while training goes on."""

import math
import time
from dataclasses import dataclass

import torch

from core.config.march import MarchSettings
from core.datasets.dataset import Dataset
from core.geometry.cameras import image_points
from core.geometry.rays import Rays
from core.rendering.ray_trace import RayReport, inspect_ray
from core.rendering.render import image_chunk
from core.samplers.base import SamplerSettings
from core.training.trainer import Trainer
from viewer.protocol.session import ToolKey
from viewer.protocol.view_settings import Compare
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR, ToolKind

REFRESH_SECONDS = 0.5
"""While training goes on, the ray is inspected again after this many seconds; nobody reads faster."""

LIVE_SECONDS = 0.1
"""A question that comes at least this many seconds after the last answer is answered at once, so that plots follow a
dragged slider although the camera counts as moving meanwhile."""


@dataclass(frozen=True)
class RayQuestion:
    """A ray in the world, and the thresholds to march it with.

    Attributes:
        origin, direction: the ray's; the direction has length 1.
        background: the colour behind the scene, 0 to 1.
        n_pixels: how many pixels the ray's picture has.
        time: 0 to 1; None in a scene in which nothing moves.
        of: whose ray it is: A's, as `SETTINGS` or `RUN`, or the present picture's, as `OFF`.
    """

    origin: tuple[float, float, float]
    direction: tuple[float, float, float]
    march: MarchSettings
    background: tuple[float, float, float]
    n_pixels: int
    time: float | None = None
    of: Compare = Compare.OFF


@dataclass(frozen=True)
class PhotoColor:
    """What a photo shows along a ray: the colour over the question's background, 0 to 1, and the view's name."""

    color: tuple[float, float, float]
    name: str


@dataclass(frozen=True)
class Inspection:
    """An answer.

    Attributes:
        photo: the colour in the dataset's view from the ray's origin, if there is one.
        step: the training step whose weights it shows.
        sampler: the settings of the sampler that placed the samples.
    """

    question: RayQuestion
    report: RayReport
    photo: PhotoColor | None
    step: int
    sampler: SamplerSettings


class InspectorTool:
    """Inspects a ray as soon as it is asked, and again as the weights change."""

    share = ASKED_FOR

    def __init__(self) -> None:
        self.result: Inspection | None = None
        self._question: RayQuestion | None = None
        self._answered_at = -math.inf

    def ask(self, question: RayQuestion | None, scene: OpenScene) -> None:
        """Inspect this ray; None: stop."""
        trainer = None if question is None else _trainer(question, scene)
        self._question = None if trainer is None else question
        if question is None or trainer is None:
            self.result = None
        elif time.perf_counter() - self._answered_at >= LIVE_SECONDS:
            self._answer(question, trainer)

    def new_scene(self, scene: OpenScene) -> None:
        self.result, self._question = None, None

    def slice(self, scene: OpenScene) -> bool:
        question = self._question
        trainer = None if question is None else _trainer(question, scene)
        if question is None or trainer is None or not self._due(question, trainer.step_count):
            return False
        self._answer(question, trainer)
        return True

    def _due(self, question: RayQuestion, step: int) -> bool:
        result = self.result
        if result is None or result.question != question:
            return True
        return result.step != step and time.perf_counter() - self._answered_at >= REFRESH_SECONDS

    def _answer(self, question: RayQuestion, trainer: Trainer) -> None:
        origin, direction = (torch.tensor([x], device=trainer.device) for x in (question.origin, question.direction))
        times = None if question.time is None else torch.tensor([question.time], device=trainer.device)
        rays = Rays(origin, direction, times)
        background = torch.tensor(question.background, device=trainer.device)
        together = min(question.n_pixels, image_chunk(background.device))
        report = inspect_ray(trainer.field, trainer.sampler, rays, question.march, background, trainer.grid, together)
        photo = photo_color(trainer.dataset, question)
        self.result = Inspection(question, report, photo, trainer.step_count, trainer.sampler_settings)
        self._answered_at = time.perf_counter()


def _trainer(question: RayQuestion, scene: OpenScene) -> Trainer | None:
    """The trainer that renders the ray; None for a former run that is gone: the window will notice and ask again."""
    return scene.former_trainer if question.of is Compare.RUN else scene.trainer


def photo_color(dataset: Dataset, question: RayQuestion) -> PhotoColor | None:
    """The colour of the pixel that a ray passes through in a photo from its origin at its time; None without
    such a photo."""
    origin, direction = (torch.tensor(x, dtype=torch.float64) for x in (question.origin, question.direction))
    for views in (dataset.train, dataset.test):
        if len(views) == 0:
            continue
        away = (views.cameras.c2w[:, :3, 3].cpu().double() - origin).abs().amax(-1)
        for index in (away <= 1e-6 * (1.0 + origin.abs().max())).nonzero().view(-1).tolist():
            camera = views.cameras[index].to("cpu")
            if question.time is not None and (camera.times is None or abs(float(camera.times) - question.time) > 1e-6):
                continue
            points = image_points(camera.to(torch.float64), direction)
            column, row = (math.floor(p) if p.isfinite() else -1 for p in points)
            if 0 <= column < camera.width and 0 <= row < camera.height:
                pixel = views.pixels(index, torch.tensor([row * camera.width + column])).to("cpu")
                color = pixel.over(torch.tensor(question.background))[0]
                red, green, blue = color.tolist()
                return PhotoColor((red, green, blue), views.names[index])
    return None


INSPECTOR: ToolKey[RayQuestion, Inspection] = ToolKey("inspector")
TOOL = ToolKind(INSPECTOR, InspectorTool)
