"""Errors of the entry points. Each message says what was expected, what was found and what to do.

The command line prints such an error as one line and exits with 2; the window shows it and keeps running.
"""

from enum import StrEnum


class FirstlightError(Exception):
    """The base class: an error that a user can do something about."""


class DatasetError(FirstlightError):
    """A dataset is missing, broken or in no known format; the message names the file."""


class SnapshotError(FirstlightError):
    """A snapshot can't be read or doesn't fit; the message names the file."""


class FieldError(FirstlightError):
    """A field of the user's own can't be loaded, or doesn't return what a field must; the message names it."""


class BackendUnavailable(FirstlightError):
    """The requested device or kernel backend can't run here; the message says which can."""


class OutOfMemory(FirstlightError):
    """The GPU's memory doesn't suffice, however small the pieces; the message says how much there is."""


class CollapseKind(StrEnum):
    """How training can collapse."""

    NOT_FINITE = "not finite"
    """A loss, a gradient or a density is NaN or infinite."""
    EMPTY_GRID = "empty grid"
    """No cell of the occupancy grid is occupied, so no ray is marched."""
    NO_SAMPLES = "no samples"
    """Cells are occupied, yet no ray of many batches kept a sample."""
    GPU_LOST = "the GPU is lost"
    """It no longer answers: its driver was reset, or a kernel broke it for this process."""


class TrainingCollapsed(FirstlightError):
    """Training reached a state it can't learn from.

    Attributes:
        kind: how it collapsed.
        since: the first step known to be affected, counted from 1.
        settings: names of the training settings to change.
    """

    def __init__(self, message: str, kind: CollapseKind, since: int, settings: tuple[str, ...] = ()):
        super().__init__(message)
        self.kind, self.since, self.settings = kind, since, settings
