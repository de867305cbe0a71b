"""How fast to learn, and when."""

from core.config.training import TrainSettings

_YOUNG, _GROWN = 200, 500
"""Until the first of these steps the rate doesn't fall towards a horizon, from the second on it falls in full: a field
so young still gains more from large steps than it loses by their noise."""

_YOUNG_POWER, _GROWN_POWER = 0.5, 0.75
"""Powers of a batch's size that its rate falls with. The root suits the noise of a smaller batch (Krizhevsky 2014), and
a young field learns soonest with it; a grown one loses half a dB by it while small steps follow each other, and with
the size itself it would learn too little in them."""


def learning_rate(settings: TrainSettings, step: int, seconds: float, fraction: float = 1.0) -> float:
    """Adam's rate after so many steps and seconds of training: a warm-up, then a fall, to the horizon or open-ended.

    Args:
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
