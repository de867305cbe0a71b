"""What an error of the session's thread means for the user."""

from typing import NamedTuple

from core.errors import CollapseKind, FirstlightError, TrainingCollapsed
from core.kernels.runtime.device import gpu_is_lost
from core.kernels.runtime.gpu_memory import explained
from core.training.trainer import Trainer
from viewer.protocol.runs import Collapse


class Failure(NamedTuple):
    """Why training stopped.

    Attributes:
        message: what happened and what can be done, in one or two sentences.
        collapse: how it collapsed, if it did.
    """

    message: str
    collapse: Collapse | None = None

    @property
    def gpu_lost(self) -> bool:
        """Whether nothing works on the GPU any more."""
        return self.collapse is not None and self.collapse.kind is CollapseKind.GPU_LOST


def failure_of(error: Exception, trainer: Trainer | None) -> Failure:
    """What stopped training.

    Args:
        trainer: of the open scene; None without one.
    """
    kind, since = None, 0
    message = f"{advice(error)}. Training has stopped; the weights can still be saved."
    if isinstance(error, TrainingCollapsed):
        kind, since = error.kind, error.since
    elif trainer is not None and trainer.device == "cuda" and gpu_is_lost(error):
        kind, since = CollapseKind.GPU_LOST, trainer.step_count + 1
        message = (
            f"The GPU no longer answers ({advice(error)}). The last picture stays, and training can continue on the "
            "CPU; if this happens again, run_viewer.py doctor --check says what the GPU gets wrong."
        )
    if kind is None or trainer is None:
        return Failure(message)
    good = trainer.last_good
    return Failure(message, Collapse(kind, since, None if good is None else good.step))


def advice(error: Exception) -> str:
    """One line for the user: our errors say what to do; others are named by their type as well."""
    error = explained(error)
    text = " ".join(str(error).split()).rstrip(".")
    return text if isinstance(error, FirstlightError) else f"{type(error).__name__}: {text or 'no message'}"
