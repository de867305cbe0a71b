"""Collapses of training: detects them, says what helps, and computes lower thresholds."""

import math
from dataclasses import replace

from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.errors import CollapseKind, TrainingCollapsed

_MOST_FRUITLESS_STEPS = 50
"""Steps in a row without a kept sample that count as a collapse; single ones are chance."""

_SMALLEST_THRESHOLD = 1e-6
"""Thresholds below this act as none."""

_SLOWER = 0.5
"""The learning rate is multiplied by this when training goes back from a value that was not finite."""


class CollapseWatch:
    """Counts fruitless steps, and remembers how training collapsed.

    Attributes:
        fruitless_steps: steps in a row, up to the present one, that kept no sample.
        kind: how training collapsed last; None while nothing has gone wrong, and after a return to a good state.
    """

    def __init__(self) -> None:
        self.fruitless_steps = 0
        self.kind: CollapseKind | None = None

    def count(self, n_samples: int) -> bool:
        """Count a step that kept `n_samples`; returns whether many steps in a row have kept none."""
        self.fruitless_steps = 0 if n_samples else self.fruitless_steps + 1
        return self.fruitless_steps >= _MOST_FRUITLESS_STEPS

    def not_finite(self, what: str, since: int, settings: TrainSettings) -> TrainingCollapsed:
        """The error for a loss, gradient or density that is NaN or infinite.

        Args:
            since: the step, counted from 1.
        """
        return self._collapsed(
            f"{what} is not finite since step {since}: a lower learning rate helps (now {settings.learning_rate:g})",
            CollapseKind.NOT_FINITE,
            since,
            ("learning_rate",),
        )

    def gentler(self, settings: TrainSettings) -> TrainSettings:
        """The settings to go on with from a good state; after a value that was not finite, with a lower rate."""
        if self.kind is not CollapseKind.NOT_FINITE:
            return settings
        lowest = settings_of(TrainSettings)["learning_rate"].low
        return replace(settings, learning_rate=max(_SLOWER * settings.learning_rate, lowest))

    def nothing_to_learn_from(self, grid_is_empty: bool, step: int, march: MarchSettings) -> TrainingCollapsed:
        """The error for a grid without an occupied cell, or for many batches that kept no sample.

        Args:
            step: steps done, the fruitless ones included.
        """
        since = step - max(self.fruitless_steps - 1, 0)
        if grid_is_empty:
            return self._collapsed(
                f"no grid cell is occupied any more since step {since}: a lower occupancy threshold in training helps "
                f"(now {march.occ_thre:g})",
                CollapseKind.EMPTY_GRID,
                since,
                ("occ_thre",),
            )
        return self._collapsed(
            f"no batch found a sample to learn from since step {since}: a lower alpha threshold in training helps (now "
            f"{march.alpha_thre:g}), or near and far planes (now {march.near_plane:g} and {march.far_plane:g}) and a "
            "crop box that leave more of the scene",
            CollapseKind.NO_SAMPLES,
            since,
            ("alpha_thre", "near_plane", "far_plane", "crop"),
        )

    def _collapsed(self, message: str, kind: CollapseKind, since: int, settings: tuple[str, ...]) -> TrainingCollapsed:
        self.kind, self.fruitless_steps = kind, 0
        return TrainingCollapsed(message, kind, since, settings)


def with_flags(collapse: TrainingCollapsed) -> str:
    """The message for a command line, which names flags of `train` in place of the window's buttons."""
    flags = ", ".join(f"--{name.replace('_', '-')}" for name in collapse.settings)
    return f"{collapse}; train has {flags}" if flags else str(collapse)


def lower_march_thresholds(march: MarchSettings, densest: float) -> MarchSettings:
    """The settings with the alpha and occupancy thresholds divided by ten until a cell clearly passes both.

    Args:
        densest: the cell's density * step; its alpha is 1 - exp(-densest). NaN: the settings stay.
    """
    if math.isnan(densest):
        return march
    return replace(
        march,
        occ_thre=_divide_below(march.occ_thre, densest),
        alpha_thre=_divide_below(march.alpha_thre, -math.expm1(-densest)),
    )


def _divide_below(threshold: float, value: float) -> float:
    """A threshold divided by ten, at least once, until it is at most a tenth of a value; 0 if it becomes negligible."""
    threshold *= 0.1
    while threshold > 0.1 * value and threshold > _SMALLEST_THRESHOLD:
        threshold *= 0.1
    return float(f"{threshold:.3g}") if threshold > _SMALLEST_THRESHOLD else 0.0
