"""Decides when the session renders a view and at what resolution, from what earlier views and steps took.

Pure: it is told times and sizes, and owns neither a clock nor a picture. Resolutions are levels: level l has
2^(-l/4) of the full resolution per side, so two levels up or down halve or double the pixels. A picture is taken to
cost as much as its pixels and a few thousand more (measured: launches and Python, whatever the size).
"""

import math
from dataclasses import dataclass

VIEW_PERIOD = 1 / 20
"""Seconds between new views while the camera moves; a training step has to fit in as well."""

STEP_SHARE = 0.2
"""The share of this period that a training step may take while the camera moves."""

OVERHEAD_PIXELS = 4000
"""What a picture of any size costs, in pixels."""

QUICK, LONG = 0.15, 1.0
"""While paused, the first picture takes at most QUICK seconds; a full one that takes longer than LONG is reached by
way of others, each with FINER_BY levels (eight times the pixels) more than the last."""

FINER_BY = 6

REFRESH_SHARE = 0.12
"""At most this share of the time goes into pictures while the camera rests and training runs."""

PATIENCE = 0.32
"""A camera at rest for t seconds may wait this times t for a picture, so that it gets a sharp one in the end."""

COARSEST = 20
"""The lowest resolution: 1/32 per side. Only an untrained scene needs it, whose grid is still full."""

TOO_SLOW, FAST_ENOUGH = 1.2, 0.8
"""The hysteresis: coarser above 1.2 of the budget, finer only where the finer picture takes below 0.8 of it."""

CHUNK_SECONDS = 0.03
"""A picture that may be cancelled is rendered in pieces of about this long."""

SMALLEST_FRACTION = 1 / 64


@dataclass(frozen=True)
class Plan:
    """One picture to render.

    Attributes:
        level: its resolution; `width` and `height` are that in pixels.
        late_after: a newer request cancels it once it has taken these seconds; inf: it is always finished.
        chunk: rays to render between two looks at newer requests.
        reason: why the resolution is below the request's, "" at full resolution.
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
        """What rendering it takes, in pixels."""
        return self.n_marches * (self.width * self.height + OVERHEAD_PIXELS)


def scaled_size(width: int, height: int, level: int) -> tuple[int, int]:
    """The size at a level: the aspect is kept up to rounding, and no side is empty."""
    scale = 2.0 ** (-level / 4)
    return max(1, round(width * scale)), max(1, round(height * scale))


def refresh_period(training_seconds: float) -> float:
    """Seconds between pictures of a resting camera: a young scene changes fast, an old one slowly."""
    return min(max(0.1 * training_seconds, 0.3), 5.0)


class ViewController:
    """Holds the view's frame rate while the camera moves, and training's share of the time while it rests.

    Every method takes `now`, seconds on a monotonic clock, and `training`: the training time so far in seconds, or
    None while no step follows the picture.

    Attributes:
        n_marches: how often each pixel of the coming pictures is marched: twice while two settings are compared.
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
        """The picture of a moving camera: as sharp as the view's period allows."""
        self._resting_since = now
        step = 0.0 if training is None else min(self._step_seconds, STEP_SHARE * VIEW_PERIOD)
        self._moving_level = self._settle(self._moving_level, VIEW_PERIOD - step, width * height)
        late_after = math.inf if self._moving_level == COARSEST else 2 * VIEW_PERIOD
        return self._plan(width, height, self._moving_level, late_after, "the camera moves")

    def plan_rest(self, width: int, height: int, training: float | None, now: float) -> Plan:
        """The first picture of a camera at rest, wanted at once."""
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
        """A planned picture was finished at `now` and took `seconds`."""
        self._pixel_seconds += 0.5 * (seconds / plan.cost - self._pixel_seconds)
        self._shown_level, self._stale = plan.level, False
        self._next_refresh = now - seconds + max(refresh_period(training or 0.0), seconds / REFRESH_SHARE)

    def cancelled(self, plan: Plan, seconds: float, now: float) -> None:
        """A planned picture was given up after `seconds`; it would have taken at least as long."""
        self._pixel_seconds = max(self._pixel_seconds, seconds / plan.cost)
        self._stale = True
        self._next_refresh = now + seconds / REFRESH_SHARE

    def stale(self) -> None:
        """What was shown is out of date (other weights, another scene): the next refresh is due at once."""
        self._stale, self._next_refresh = True, 0.0

    def stepped(self, seconds: float, fraction: float) -> None:
        """A training step on `fraction` of a batch took `seconds`.

        A whole batch is taken to cost 1 / fraction as much. It costs less, for part of a step is the same for any
        batch; but the fraction that follows settles where the step takes what it should.
        """
        self._step_seconds = _smoothed(self._step_seconds, seconds)
        self._batch_seconds = _smoothed(self._batch_seconds, seconds / fraction)

    def step_fraction(self, moving: bool) -> float:
        """The share of a training batch that takes at most `STEP_SHARE` of a moving camera's period."""
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
        """The level to go to from `level`, which stays unless the prediction leaves the hysteresis."""
        if self._predict(level, n_pixels) > TOO_SLOW * budget:
            return self._finest_within(budget, n_pixels)
        return min(level, self._finest_within(FAST_ENOUGH * budget, n_pixels))


def _smoothed(old: float, new: float) -> float:
    """An exponential mean that starts at its first value."""
    return old + 0.3 * (new - old) if old > 0.0 else new
