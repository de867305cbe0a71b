"""Decides when the session renders a view and at what resolution, from the cost of earlier views and steps.

Pure: callers pass times and sizes; there is neither a clock nor a picture here. Resolutions are levels: level l has
2^(-l/4) of the full resolution per side, so two levels up or down halve or double the pixels. The cost of a picture is
proportional to its pixels plus a few thousand (measured: launches and Python, whatever the size).
"""

import math
from dataclasses import dataclass

VIEW_PERIOD = 1 / 20
"""Seconds between new views while the camera moves; a training step has to fit in too."""

STEP_SHARE = 0.2
"""The share of this period that a training step may take while the camera moves."""

OVERHEAD_PIXELS = 4000
"""The fixed cost of a picture, in pixels."""

QUICK, LONG = 0.15, 1.0
"""While paused, the first picture takes at most QUICK seconds. If full resolution takes longer than LONG, pictures in
between are each FINER_BY levels (eight times the pixels) finer than the last."""

FINER_BY = 6

REFRESH_SHARE = 0.12
"""The largest share of the time that pictures take while the camera rests and training runs."""

PATIENCE = 0.32
"""A camera at rest for t seconds may wait up to this times t for a picture, so that it gets a sharp one in the end."""

COARSEST = 20
"""The lowest resolution: 1/32 per side. Only untrained scenes need it, whose grid is still full."""

TOO_SLOW, FAST_ENOUGH = 1.2, 0.8
"""The hysteresis: coarser above 1.2 of the budget, finer only if the finer picture takes less than 0.8 of it."""

CHUNK_SECONDS = 0.03
"""Seconds per piece of a picture that can be cancelled between pieces."""

SMALLEST_FRACTION = 1 / 64


@dataclass(frozen=True)
class Plan:
    """One picture to render.

    Attributes:
        level: its resolution; `width` and `height` are the same in pixels.
        late_after: a newer request cancels it after this many seconds; inf: it is always finished.
        chunk: rays to render between two checks for newer requests.
        reason: why the resolution is below the request's; "" at full resolution.
        n_marches: how often each pixel is marched.
    """

    level: int
    width: int
    height: int
    late_after: float
    chunk: int
    reason: str
    n_marches: int = 1

    @property
    def cost(self) -> int:
        """The cost of rendering it, in pixels."""
        return self.n_marches * (self.width * self.height + OVERHEAD_PIXELS)


def scaled_size(width: int, height: int, level: int) -> tuple[int, int]:
    """The size at a level: the aspect is kept up to rounding, and both sides are at least 1."""
    scale = 2.0 ** (-level / 4)
    return max(1, round(width * scale)), max(1, round(height * scale))


def refresh_period(training_seconds: float) -> float:
    """Seconds between pictures of a resting camera: early training changes the scene fast, later training slowly."""
    return min(max(0.1 * training_seconds, 0.3), 5.0)


class ViewController:
    """Holds the view's frame rate while the camera moves, and training's share of the time while it rests.

    `now` is in seconds on a monotonic clock; `training` is the training time so far in seconds, None while no step
    follows the picture.

    Attributes:
        n_marches: how often each pixel of coming pictures is marched: twice while two settings are compared.
    """

    def __init__(self) -> None:
        self.n_marches = 1
        self._pixel_seconds = 2e-4
        self._step_seconds = 0.0
        self._batch_seconds = 0.0
        self._moving_level = COARSEST
        self._shown_level, self._stale = COARSEST, True
        self._resting_since = 0.0
        self._next_refresh = 0.0

    def plan_moving(self, width: int, height: int, training: float | None, now: float) -> Plan:
        """The next picture of a moving camera: as sharp as the view's period allows."""
        self._resting_since = now
        step = 0.0 if training is None else min(self._step_seconds, STEP_SHARE * VIEW_PERIOD)
        self._moving_level = self._settle(self._moving_level, VIEW_PERIOD - step, width * height)
        late_after = math.inf if self._moving_level == COARSEST else 2 * VIEW_PERIOD
        return self._plan(width, height, self._moving_level, late_after, "the camera moves")

    def plan_rest(self, width: int, height: int, training: float | None, now: float) -> Plan:
        """The first picture of a camera at rest, due at once."""
        self._resting_since = now
        if training is None:
            level = self._finest_within(QUICK, width * height)
            return self._plan(width, height, level, 0.0, "full resolution follows")
        level = self._finest_within(REFRESH_SHARE * refresh_period(training), width * height)
        return self._plan(width, height, level, 0.0, "training goes on")

    def plan_refresh(self, width: int, height: int, training: float | None, now: float) -> Plan | None:
        """The next picture of a camera at rest after `shown`, or None while none is due.

        Paused: up to full resolution. Training: newer weights now and then, within `REFRESH_SHARE` of the time; the
        longer the camera rests, the longer and sharper a picture may be.
        """
        if training is None:
            return self._plan_paused(width, height)
        if now < self._next_refresh:
            return None
        interval = max(refresh_period(training), PATIENCE * (now - self._resting_since))
        level = self._settle(self._shown_level, REFRESH_SHARE * interval, width * height)
        return self._plan(width, height, level, 0.0, "training goes on")

    def shown(self, plan: Plan, seconds: float, training: float | None, now: float) -> None:
        """Record that a planned picture was finished at `now` and took `seconds`."""
        self._pixel_seconds += 0.5 * (seconds / plan.cost - self._pixel_seconds)
        self._shown_level, self._stale = plan.level, False
        self._next_refresh = now - seconds + max(refresh_period(training or 0.0), seconds / REFRESH_SHARE)

    def cancelled(self, plan: Plan, seconds: float, now: float) -> None:
        """Record that a planned picture was cancelled after `seconds`; it would have taken at least as long."""
        self._pixel_seconds = max(self._pixel_seconds, seconds / plan.cost)
        self._stale = True
        self._next_refresh = now + seconds / REFRESH_SHARE

    def stale(self) -> None:
        """Record that the shown picture is out of date (other weights, another scene): a refresh is due at once."""
        self._stale, self._next_refresh = True, 0.0

    def stepped(self, seconds: float, fraction: float) -> None:
        """Record that a training step on `fraction` of a batch took `seconds`.

        The estimate for a whole batch is 1 / fraction times as long. That is too much, because part of a step costs the
        same for any batch; but the fractions converge to one whose step takes the right time.
        """
        self._step_seconds = _smoothed(self._step_seconds, seconds)
        self._batch_seconds = _smoothed(self._batch_seconds, seconds / fraction)

    def step_fraction(self, moving: bool) -> float:
        """The share of a training batch whose step takes at most `STEP_SHARE` of a moving camera's period."""
        if not moving or self._batch_seconds <= STEP_SHARE * VIEW_PERIOD:
            return 1.0
        return max(SMALLEST_FRACTION, STEP_SHARE * VIEW_PERIOD / self._batch_seconds)

    def _plan_paused(self, width: int, height: int) -> Plan | None:
        if self._shown_level == 0 and not self._stale:
            return None
        soon = self._predict(0, width * height) <= LONG
        level = 0 if soon else max(0, self._shown_level - FINER_BY)
        return self._plan(width, height, level, 0.0, "full resolution follows")

    def _plan(self, width: int, height: int, level: int, late_after: float, reason: str) -> Plan:
        chunk = min(max(int(CHUNK_SECONDS / self._pixel_seconds), 1 << 11), 1 << 20)
        size = scaled_size(width, height, level)
        return Plan(level, *size, late_after, chunk, reason if level else "", self.n_marches)

    def _predict(self, level: int, n_pixels: int) -> float:
        return self._pixel_seconds * self.n_marches * (n_pixels * 0.5 ** (level / 2) + OVERHEAD_PIXELS)

    def _finest_within(self, budget: float, n_pixels: int) -> int:
        fitting = (level for level in range(COARSEST) if self._predict(level, n_pixels) <= budget)
        return next(fitting, COARSEST)

    def _settle(self, level: int, budget: float, n_pixels: int) -> int:
        """The next level: `level` itself unless its predicted time leaves the hysteresis."""
        if self._predict(level, n_pixels) > TOO_SLOW * budget:
            return self._finest_within(budget, n_pixels)
        return min(level, self._finest_within(FAST_ENOUGH * budget, n_pixels))


def _smoothed(old: float, new: float) -> float:
    """An exponential mean that starts at its first value."""
    return old + 0.3 * (new - old) if old > 0.0 else new
