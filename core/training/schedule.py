"""The learning rate's schedule."""

from core.config.training import TrainSettings

_YOUNG, _GROWN = 200, 500
"""Up to the first of these steps the rate doesn't fall towards a horizon, from the second on it falls in full: a young
field gains more from large steps than it loses to their noise."""

_YOUNG_POWER, _GROWN_POWER = 0.5, 0.75
"""Exponents of the batch's size in the rate. The square root fits the noise of a smaller batch (Krizhevsky 2014), and a
young field learns fastest with it; a grown one loses half a dB by it during series of small steps, and would learn too
little in them with a linear rate."""


def learning_rate(settings: TrainSettings, step: int, seconds: float, fraction: float = 1.0) -> float:
    """Adam's learning rate: a warm-up, then a decay, towards the horizon or open-ended.

    Args:
        step, seconds: steps and seconds of training so far.
        fraction: the size of the step's batch, as a share of the usual one.
    """
    warm = min(1.0, (step + 1) / (settings.warmup_steps + 1))
    grown = min(1.0, max(0.0, (step - _YOUNG) / (_GROWN - _YOUNG)))
    small = fraction ** (_YOUNG_POWER + grown * (_GROWN_POWER - _YOUNG_POWER))
    if settings.horizon_steps is not None or settings.horizon_seconds is not None:
        by_steps = step / settings.horizon_steps if settings.horizon_steps else 0.0
        by_time = seconds / settings.horizon_seconds if settings.horizon_seconds else 0.0
        fall = 0.1 ** (grown * max(0.0, 2.0 * min(1.0, max(by_steps, by_time)) - 1.0))
    else:
        fall = 1.0 / (1.0 + step / settings.decay_steps)
    return settings.learning_rate * warm * fall * small


def entropy_share(settings: TrainSettings, step: int) -> float:
    """How much the entropy of weights counts in a step: a young field is fog, and must first learn what it hides."""
    return settings.weight_entropy * min(1.0, step / _YOUNG)
