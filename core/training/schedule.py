"""The learning rate's schedule."""

from core.config.training import TrainSettings

_YOUNG, _GROWN = 200, 500
"""Up to the first of these steps the rate doesn't fall towards a horizon, from the second on it falls in full: a young
field gains more from large steps than it loses to their noise."""

_LEAST_SHARE, _WHOLE_FROM = 1.0 / 8.0, 300
"""The least batch that a step takes, as a share of the usual one, and the step from which it is the usual one. A young
field learns more from many steps on small batches. A grown one forgets by them: entries of a hash table that few rays
touch get large gradients, whose momentum meets the full rate once batches are whole again."""


def learning_rate(settings: TrainSettings, step: int, seconds: float, share: float = 1.0) -> float:
    """Adam's learning rate: a warm-up, then a decay, towards the horizon or open-ended. The square root of the batch's
    size fits the noise of a smaller one (Krizhevsky 2014).

    Args:
        step, seconds: steps and seconds of training so far.
        share: the size of the step's batch, as a share of the usual one.
    """
    warm = min(1.0, (step + 1) / (settings.warmup_steps + 1))
    grown = min(1.0, max(0.0, (step - _YOUNG) / (_GROWN - _YOUNG)))
    if settings.horizon_steps is not None or settings.horizon_seconds is not None:
        by_steps = step / settings.horizon_steps if settings.horizon_steps else 0.0
        by_time = seconds / settings.horizon_seconds if settings.horizon_seconds else 0.0
        fall = 0.1 ** (grown * max(0.0, 2.0 * min(1.0, max(by_steps, by_time)) - 1.0))
    else:
        fall = 1.0 / (1.0 + step / settings.decay_steps)
    return settings.learning_rate * warm * fall * share**0.5


def entropy_share(settings: TrainSettings, step: int) -> float:
    """How much the entropy of weights counts in a step: a young field is fog, and must first learn what it hides."""
    return settings.weight_entropy * min(1.0, step / _YOUNG)


def batch_share(step: int, fraction: float) -> float:
    """The size of the next step's batch, as a share of the usual one, while slices of a given fraction are learnt.

    Args:
        step: steps so far.
        fraction: in (0, 1].
    """
    return max(fraction, min(1.0, max(_LEAST_SHARE, step / _WHOLE_FROM)))
