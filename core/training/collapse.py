"""What a collapse of training is called, and how far thresholds must come down after one. Pure."""

import math
from dataclasses import replace

from core.config.march import MarchSettings
from core.config.training import TrainSettings
from core.errors import CollapseKind, TrainingCollapsed

_SMALLEST_THRESHOLD = 1e-6
"""Thresholds below this act as none."""


def not_finite(what: str, since: int, settings: TrainSettings) -> TrainingCollapsed:
    """A loss, gradient or density is NaN or infinite."""
    return TrainingCollapsed(
        f"{what} is not finite since step {since}: a lower learning rate helps (now {settings.learning_rate:g})",
        CollapseKind.NOT_FINITE,
        since,
        ("learning_rate",),
    )


def nothing_to_learn_from(grid_is_empty: bool, since: int, march: MarchSettings) -> TrainingCollapsed:
    """No cell is occupied, or none of many batches kept a sample."""
    if grid_is_empty:
        return TrainingCollapsed(
            f"no grid cell is occupied any more since step {since}: a lower occupancy threshold in training helps (now "
            f"{march.occ_thre:g})",
            CollapseKind.EMPTY_GRID,
            since,
            ("occ_thre",),
        )
    return TrainingCollapsed(
        f"no batch found a sample to learn from since step {since}: a lower alpha threshold in training helps (now "
        f"{march.alpha_thre:g}), or near and far planes (now {march.near_plane:g} and {march.far_plane:g}) and a crop "
        "box that leave more of the scene",
        CollapseKind.NO_SAMPLES,
        since,
        ("alpha_thre", "near_plane", "far_plane", "crop"),
    )


def with_flags(collapse: TrainingCollapsed) -> str:
    """The message for a command line, where flags of `train` stand for the window's buttons."""
    flags = ", ".join(f"--{name.replace('_', '-')}" for name in collapse.settings)
    return f"{collapse}; train has {flags}" if flags else str(collapse)


def lower_march_thresholds(march: MarchSettings, densest: float) -> MarchSettings:
    """The thresholds with the alpha and occupancy thresholds divided by ten until they let a cell pass clearly.

    Args:
        densest: the cell's density * step; its alpha is 1 - exp(-densest).
    """
    return replace(
        march,
        occ_thre=_below(march.occ_thre, densest),
        alpha_thre=_below(march.alpha_thre, -math.expm1(-densest)),
    )


def _below(threshold: float, value: float) -> float:
    """A threshold divided by ten, at least once, until it is at most a tenth of a value; 0 where that leads nowhere."""
    threshold *= 0.1
    while threshold > 0.1 * value and threshold > _SMALLEST_THRESHOLD:
        threshold *= 0.1
    return float(f"{threshold:.3g}") if threshold > _SMALLEST_THRESHOLD else 0.0
