"""What can go wrong at an entry point. Each message says what was expected, what was found and what to do.

The command line prints such an error as one line and exits with 2; the window shows it and lives on.
"""


class FirstlightError(Exception):
    """The base of the errors that a user can do something about."""


class DatasetError(FirstlightError):
    """A dataset is missing, broken or not understood; the message names the file."""


class SnapshotError(FirstlightError):
    """A snapshot can't be read or doesn't fit; the message names the file."""


class BackendUnavailable(FirstlightError):
    """The asked-for device or kernel backend can't run here; the message says which would."""


class TrainingCollapsed(FirstlightError):
    """Training reached a state it can't learn from: NaN in the loss, or a grid without an occupied cell."""
