"""Answers view requests on the worker thread: renders what the controller plans, and shows again what is still good."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from viewer import overlays, pictures
from viewer.controller import Plan, ViewController
from viewer.curves import Rates
from viewer.messages import Frame, FrameStats, ViewRequest
from viewer.scene import Scene

MOTION_ENDS = 0.5
"""A camera whose last request is older than these seconds rests, whatever the request said."""


@dataclass(frozen=True)
class _Shown:
    """The last marched view, kept so that display settings change without marching again."""

    request: ViewRequest
    rendered: pictures.Rendered
    plan: Plan
    in_motion: bool
    step: int
    seconds: float
    occupied: tuple[float, ...]

    def serves(self, request: ViewRequest) -> bool:
        """Whether it has the rays and thresholds asked for, and is not a moving camera's while rest asks for more."""
        old, new = ((r.pose, r.width, r.height, r.march) for r in (self.request, request))
        return old == new and (request.moving or not self.in_motion)


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
        self._rates = Rates()

    @property
    def moving(self) -> bool:
        request = self._request
        return request is not None and request.moving and time.perf_counter() - self._asked_at < MOTION_ENDS

    def views_per_second(self) -> float:
        return (self._rates.per_second(time.perf_counter()) or (0.0,))[0]

    def forget(self) -> None:
        """Another scene or other weights took over: nothing shown so far is good any more."""
        self._shown = None
        self.controller.stale()

    def answer(self, request: ViewRequest, scene: Scene, training: float | None) -> Frame | None:
        """The picture for a new request, or None if a newer one came first.

        Args:
            training: seconds the scene has been trained, or None while no step follows.
        """
        self._request, self._asked_at = None, time.perf_counter()
        if request.width < 1 or request.height < 1:
            return None
        if self._shown is not None and self._shown.serves(request):
            frame = self._show_again(request, scene)
            self._request = request
            return frame
        plan_for = self.controller.plan_moving if request.moving else self.controller.plan_rest
        plan = plan_for(request.width, request.height, training, self._asked_at)
        self._shown = None
        frame = self._render(request, plan, scene, training, request.moving)
        self._request = request
        return frame

    def refresh(self, scene: Scene, training: float | None) -> Frame | None:
        """A sharper or newer picture of a resting camera, if one is due."""
        request = self._request
        if request is None or self.moving:
            return None
        plan = self.controller.plan_refresh(request.width, request.height, training, time.perf_counter())
        if plan is None:
            return None
        self._request = None
        frame = self._render(request, plan, scene, training, in_motion=False)
        self._request = request
        return frame

    def _render(
        self, request: ViewRequest, plan: Plan, scene: Scene, training: float | None, in_motion: bool
    ) -> Frame | None:
        trainer, began = scene.trainer, time.perf_counter()

        def cancelled() -> bool:
            late = time.perf_counter() - began > plan.late_after
            return self._closing() or (late and self._newer())

        size = (plan.width, plan.height)
        rendered = pictures.render_view(trainer, request.pose, size, request.march, request.view, cancelled, plan.chunk)
        ended = time.perf_counter()
        if rendered is None:
            self.controller.cancelled(plan, ended - began, ended)
            return None
        occupied = trainer.sampler.occupied(request.march.occ_thre)
        self._shown = _Shown(request, rendered, plan, in_motion, trainer.step_count, ended - began, occupied)
        frame = self._compose(request, self._shown, scene)
        ended = time.perf_counter()
        self.controller.shown(plan, ended - began, training, ended)
        self._rates.add(ended, 1)
        return frame

    def _show_again(self, request: ViewRequest, scene: Scene) -> Frame:
        """The last marched view with other display settings; cells that it lacks are found."""
        shown, view = self._shown, request.view
        level_changed = view.cells_level != shown.request.view.cells_level
        if overlays.wants_cells(view) and (shown.rendered.cells is None or level_changed):
            size = (shown.plan.width, shown.plan.height)
            cells = pictures.find_cells(scene.trainer, request.pose, size, request.march.occ_thre, view.cells_level)
            shown = replace(shown, rendered=replace(shown.rendered, cells=cells))
        self._shown = replace(shown, request=request)
        self._rates.add(time.perf_counter(), 1)
        return self._compose(request, self._shown, scene)

    def _compose(self, request: ViewRequest, shown: _Shown, scene: Scene) -> Frame:
        began = time.perf_counter()
        rgba, legend = pictures.compose(shown.rendered, request.pose, request.view, scene.info)
        stats = frame_stats(shown.rendered, shown.seconds + time.perf_counter() - began, shown.occupied)
        return Frame(rgba, request, stats, shown.step, shown.plan.reason, legend)


def frame_stats(rendered: pictures.Rendered, seconds: float, occupied: tuple[float, ...]) -> FrameStats:
    """What a picture cost and what the thresholds did.

    Args:
        seconds: marching and drawing it.
        occupied: share of occupied cells per level.
    """
    output, stages = rendered.output, rendered.stages
    height, width = output.n_kept.shape
    n_marched, n_dense = (int(x.sum(dtype="int64")) for x in (output.n_marched, output.n_dense))
    missed, stopped = float(np.mean(output.n_marched == 0)), float(output.stopped.mean())
    median, p95 = np.percentile(output.n_kept, (50.0, 95.0))
    return FrameStats(
        milliseconds=1e3 * seconds,
        march_ms=1e3 * stages.march,
        field_ms=1e3 * stages.field,
        composite_ms=1e3 * stages.composite,
        rendered_width=width,
        rendered_height=height,
        n_density=stages.n_density,
        n_color=stages.n_color,
        samples_per_ray=float(output.n_kept.mean()),
        samples_median=float(median),
        samples_p95=float(p95),
        occupied=occupied,
        missed=missed,
        stopped_early=stopped,
        reached_far=1.0 - missed - stopped,
        skipped=1.0 - n_marched / n_dense if n_dense else 0.0,
    )
