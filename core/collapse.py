"""What a collapse of training is called, and how far thresholds must come down after one. Pure."""

import math
from dataclasses import replace

from core.errors import CollapseKind, TrainingCollapsed
from core.settings import MarchSettings, TrainSettings

_SMALLEST_THRESHOLD = 1e-6
"""Thresholds below this act as none."""


def not_finite(what: str, since: int, settings: TrainSettings) -> TrainingCollapsed:
    """A loss, gradient or density is NaN or infinite."""
    return TrainingCollapsed(
        f"{what} is not finite since step {since}: go back to the last good state, or reset training with a lower "
        f"learning rate (now {settings.learning_rate:g})",
        CollapseKind.NOT_FINITE,
        since,
    )


def nothing_to_learn_from(grid_is_empty: bool, since: int, march: MarchSettings) -> TrainingCollapsed:
    """No cell is occupied, or none of many batches kept a sample."""
    if grid_is_empty:
        return TrainingCollapsed(
            f"no grid cell is occupied any more since step {since}: lower training's occupancy threshold (now "
            f"{march.occ_thre:g}) and rebuild the grid",
            CollapseKind.EMPTY_GRID,
            since,
        )
    return TrainingCollapsed(
        f"no batch found a sample to learn from since step {since}: lower training's alpha threshold (now "
        f"{march.alpha_thre:g}), or look at its near and far planes (now {march.near_plane:g} and "
        f"{march.far_plane:g}) and its crop box",
        CollapseKind.NO_SAMPLES,
        since,
    )


def lowered(march: MarchSettings, densest: float) -> MarchSettings:
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
