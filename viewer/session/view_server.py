"""Answers view requests on the worker thread: renders what the controller plans, and reuses what is still valid."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.rendering.metrics import PixelErrors
from core.training.trainer import Trainer
from viewer.picture import compose, render
from viewer.picture.overlays import grid_cells
from viewer.picture.photo import Photo
from viewer.protocol.frames import Comparison, Frame, FrameStats
from viewer.protocol.requests import ViewRequest
from viewer.scene.curves import Rates
from viewer.scene.open_scene import OpenScene
from viewer.session.resolution import Plan, ViewController

MAX_PHOTOS = 4
"""Photos kept, each in the raster of a view: while a slider moves, the size of views goes down and up again."""

MOTION_ENDS = 0.5
"""Seconds after its last request at which a camera counts as resting, whatever the request said."""


@dataclass(frozen=True)
class _Shown:
    """The last marched view, kept so that display settings can change without another march."""

    request: ViewRequest
    rendered: render.Rendered
    plan: Plan
    in_motion: bool
    step: int
    errors: PixelErrors | None

    def serves(self, request: ViewRequest) -> bool:
        """Whether it has the request's rays and thresholds, and is not a moving camera's while a resting one asks."""
        old, new = ((r.pose, r.width, r.height, r.march) for r in (self.request, request))
        other = self.rendered.other
        has_other = request.other is None or (
            other is not None and (other.march, self.rendered.of_former) == (request.other, bool(request.runs))
        )
        return old == new and has_other and (request.moving or not self.in_motion)


class ViewServer:
    """Owns the controller and the last marched view of one session.

    Args:
        newer: whether a newer request or a command is waiting.
        closing: whether the session is about to end.
    """

    def __init__(self, newer: Callable[[], bool], closing: Callable[[], bool]):
        self.controller = ViewController()
        self._newer, self._closing = newer, closing
        self._request: ViewRequest | None = None
        self._asked_at = 0.0
        self._shown: _Shown | None = None
        self._photos: dict[tuple, Photo] = {}
        self._rates = Rates()

    @property
    def moving(self) -> bool:
        request = self._request
        return request is not None and request.moving and time.perf_counter() - self._asked_at < MOTION_ENDS

    def views_per_second(self) -> float:
        return (self._rates.per_second(time.perf_counter()) or (0.0,))[0]

    def forget(self) -> None:
        """Another scene took over: drop the old one's request and pictures."""
        self._request = None
        self._photos.clear()
        self.outdated()

    def outdated(self) -> None:
        """Other weights took over: the picture is out of date."""
        self._shown = None
        self.controller.stale()

    def answer(self, request: ViewRequest, scene: OpenScene, training: float | None) -> Frame | None:
        """The picture for a new request, or None if a newer one came first.

        Args:
            training: seconds of training so far, or None while no step follows.
        """
        self._request, self._asked_at = None, time.perf_counter()
        if request.width < 1 or request.height < 1:
            return None
        if self._shown is not None and self._shown.serves(request):
            frame = self._show_again(self._shown, request, scene)
            self._request = request
            return frame
        self.controller.n_marches = _n_marches(request)
        plan_for = self.controller.plan_moving if request.moving else self.controller.plan_rest
        plan = plan_for(request.width, request.height, training, self._asked_at)
        self._shown = None
        frame = self._render(request, plan, scene, training, request.moving)
        self._request = request
        return frame

    def refresh(self, scene: OpenScene, training: float | None) -> Frame | None:
        """A sharper or newer picture of a resting camera, if one is due."""
        request = self._request
        if request is None or self.moving:
            return None
        self.controller.n_marches = _n_marches(request)
        plan = self.controller.plan_refresh(request.width, request.height, training, time.perf_counter())
        if plan is None:
            return None
        self._request = None
        frame = self._render(request, plan, scene, training, in_motion=False)
        self._request = request
        return frame

    def _render(
        self, request: ViewRequest, plan: Plan, scene: OpenScene, training: float | None, in_motion: bool
    ) -> Frame | None:
        trainer, began = scene.trainer, time.perf_counter()

        def cancelled() -> bool:
            late = time.perf_counter() - began > plan.late_after
            return self._closing() or (late and self._newer())

        size = (plan.width, plan.height)
        photo_of, former = self._photo_of, scene.former_trainer
        rendered = render.render_request(trainer, request, size, cancelled, plan.chunk, photo_of, former)
        ended = time.perf_counter()
        if rendered is None:
            self.controller.cancelled(plan, ended - began, ended)
            return None
        errors = _errors(rendered, request)
        self._shown = _Shown(request, rendered, plan, in_motion, trainer.step_count, errors)
        frame = self._compose(request, self._shown, scene)
        ended = time.perf_counter()
        self.controller.shown(plan, ended - began, training, ended)
        self._rates.add(ended, 1)
        return frame

    def _show_again(self, shown: _Shown, request: ViewRequest, scene: OpenScene) -> Frame:
        """The last marched view with other display settings; cells and photo that it lacks are found."""
        before, rendered, errors = shown.request, shown.rendered, shown.errors
        if not grid_cells.same_layers(request.view, before.view):
            rendered = render.without_layers(rendered)
        if request.photo != before.photo:
            rendered = replace(rendered, photo=None)
        if request.view.background != before.view.background:
            errors = _errors(rendered, request)
        rendered = render.completed(scene.trainer, request, rendered, self._photo_of, scene.former_trainer)
        self._shown = shown = replace(shown, request=request, rendered=rendered, errors=errors)
        self._rates.add(time.perf_counter(), 1)
        return self._compose(request, shown, scene)

    def _photo_of(self, trainer: Trainer, request: ViewRequest, size: tuple[int, int]) -> Photo:
        """`render.find_photo`, which takes as long as a small picture, with the last few kept."""
        key = (request.photo, request.pose, size)
        photo = self._photos.pop(key, None) or render.find_photo(trainer, request, size)
        self._photos[key] = photo
        if len(self._photos) > MAX_PHOTOS:
            del self._photos[next(iter(self._photos))]
        return photo

    def _compose(self, request: ViewRequest, shown: _Shown, scene: OpenScene) -> Frame:
        began, rendered, errors = time.perf_counter(), shown.rendered, shown.errors
        rgba, legends = compose.compose(
            rendered, request.pose, request.view, scene.info, False, request.ray, request.trail
        )
        drawing, comparison = time.perf_counter() - began, None
        if request.other is not None and errors is not None and rendered.other is not None:
            drawing /= 2  # two pictures were drawn
            comparison = Comparison(errors.psnr, errors.largest, frame_stats(rendered.other, drawing))
        stats = frame_stats(rendered, drawing)
        return Frame(rgba, request, stats, shown.step, shown.plan.reason, legends, comparison)


def _n_marches(request: ViewRequest) -> int:
    return 1 if request.other is None else 2


def _errors(rendered: render.Rendered, request: ViewRequest) -> PixelErrors | None:
    """The difference between A's picture and the present one; None without A."""
    other = rendered.other
    return None if other is None else compose.errors_between(other, rendered, request.view.background)


def frame_stats(rendered: render.Rendered, drawing: float) -> FrameStats:
    """What a picture cost and what the thresholds did.

    Args:
        drawing: seconds from the end of the march to the finished picture.
    """
    output, stages = rendered.output, rendered.stages
    height, width = output.n_kept.shape
    n_marched, n_dense = (int(x.sum(dtype=np.int64)) for x in (output.n_marched, output.n_dense))
    missed, stopped = float(np.mean(output.n_marched == 0)), float(output.stopped.mean())
    median, p95 = np.percentile(output.n_kept, (50.0, 95.0))
    return FrameStats(
        milliseconds=1e3 * (rendered.seconds + drawing),
        march_ms=1e3 * stages.march,
        field_ms=1e3 * stages.field,
        composite_ms=1e3 * stages.composite,
        rendered_width=width,
        rendered_height=height,
        n_density=n_marched,
        n_color=stages.n_color,
        samples_per_ray=float(output.n_kept.mean()),
        samples_median=float(median),
        samples_p95=float(p95),
        occupied=rendered.occupied,
        missed=missed,
        stopped_early=stopped,
        reached_far=1.0 - missed - stopped,
        skipped=1.0 - n_marched / n_dense if n_dense else 0.0,
    )
