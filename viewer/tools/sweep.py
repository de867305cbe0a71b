"""A sweep of one threshold over the view, a slice at a time; see `core.rendering.sweep`."""

import copy
import time
from dataclasses import dataclass, replace

import torch

from core.rendering.sweep import Sweep
from core.rendering.sweep_curve import SweepCurve, SweepPoint, swept_setting
from viewer.picture.camera import camera_of
from viewer.protocol.requests import ViewRequest
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASKED_FOR, FIRST_BATCH, ToolKind, next_batch

LONGEST_SIDE = 160
"""The longer side of the swept pictures in pixels: a sweep should take seconds on a CPU."""


@dataclass(frozen=True)
class SweepQuestion:
    """A threshold of `core.config.march.MARCH_NUMBERS`, and the view to sweep it over."""

    name: str
    request: ViewRequest


@dataclass(frozen=True)
class SweepResult:
    """A sweep under way or at its end.

    Attributes:
        width, height: of its pictures in pixels.
        step: the training step whose weights they all show.
        curve: the points so far; None if there is nothing to sweep, and `problem` says why.
        share: share of the work done, 0 to 1.
        running: neither finished nor stopped.
    """

    question: SweepQuestion
    width: int
    height: int
    step: int
    curve: SweepCurve | None = None
    share: float = 0.0
    running: bool = False
    problem: str = ""

    @property
    def finished(self) -> bool:
        return self.share >= 1.0 and not self.running

    @property
    def knee(self) -> SweepPoint | None:
        """The knee of a finished sweep: among the first values of an unfinished one it would mislead."""
        return self.curve.knee if self.finished and self.curve is not None else None


class SweepTool:
    """Sweeps the newest question's threshold on a copy of the weights, so that training can go on."""

    share = ASKED_FOR

    def __init__(self) -> None:
        self.result: SweepResult | None = None
        self._sweep: Sweep | None = None
        self._batch = FIRST_BATCH

    def ask(self, question: SweepQuestion | None, scene: OpenScene) -> None:
        """Start another sweep; None: stop, and keep the points so far."""
        self._sweep = None
        if question is not None:
            self._begin(question, scene)
        elif self.result is not None:
            self.result = replace(self.result, running=False)

    def new_scene(self, scene: OpenScene) -> None:
        self.result, self._sweep = None, None

    def slice(self, scene: OpenScene) -> bool:
        sweep, result = self._sweep, self.result
        if sweep is None or result is None:
            return False
        began = time.perf_counter()
        more = sweep.advance(self._batch)
        self._batch = next_batch(self._batch, time.perf_counter() - began)
        self.result = replace(result, curve=sweep.curve, share=sweep.share, running=more)
        if not more:
            self._sweep = None
        return True

    def _begin(self, question: SweepQuestion, scene: OpenScene) -> None:
        trainer, request = scene.trainer, question.request
        shrink = min(1.0, LONGEST_SIDE / max(request.width, request.height))
        width, height = (max(1, round(shrink * side)) for side in (request.width, request.height))
        blank = SweepResult(question, width, height, trainer.step_count)
        camera = camera_of(request.pose, width, height, trainer.device)
        position = camera.c2w[:3, 3].tolist()
        try:
            box, sampler_settings = trainer.dataset.box, trainer.sampler_settings
            setting = swept_setting(question.name, request.march, box, position, sampler_settings)
        except ValueError as error:
            self.result = replace(blank, problem=str(error))
            return
        field, sampler = copy.deepcopy(trainer.field), copy.deepcopy(trainer.sampler)
        background = torch.tensor(request.view.background, device=trainer.device)
        self._sweep = Sweep(field, sampler, camera, request.march, background, question.name, setting)
        self.result = replace(blank, curve=self._sweep.curve, running=True)


SWEEP: ToolKey[SweepQuestion, SweepResult] = ToolKey("sweep")
TOOL = ToolKind(SWEEP, SweepTool)
