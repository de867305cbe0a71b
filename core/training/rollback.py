"""The newest state that training is known to have survived, kept in memory to go back to."""

from dataclasses import dataclass

from torch import Tensor

from core.config.march import MarchSettings

PERIOD = 3.0
"""Seconds of training between copies. A copy takes less than 0.5% of them (see tests/benchmarks/RESULTS.md)."""

PROOF_STEPS = 100
"""Steps that must go well after a state before it counts as good: more than any collapse takes to be noticed."""


@dataclass(frozen=True)
class Kept:
    """A copy of a trainer's state.

    Attributes:
        tensors, counters: as `Trainer.state_tensors` and `Trainer.counters` give them; the tensors are the copy's own.
        march: the thresholds training used.
    """

    tensors: dict[str, Tensor]
    counters: dict[str, float]
    march: MarchSettings

    @property
    def step(self) -> int:
        return int(self.counters["step_count"])

    @property
    def seconds(self) -> float:
        return float(self.counters["seconds"])


class LastGood:
    """Takes copies as training goes on. A copy waits until enough went well after it, and then becomes the good one.

    Two copies exist at most; they take turns in the same memory.

    Attributes:
        good: the newest proven copy, or None.
    """

    def __init__(self) -> None:
        self.good: Kept | None = None
        self._waiting: Kept | None = None

    def due(self, step: int, seconds: float) -> bool:
        """Whether a copy is wanted after a step that went well: the first one, or the waiting one has proved good."""
        waiting = self._waiting
        return waiting is None or (step >= waiting.step + PROOF_STEPS and seconds >= waiting.seconds + PERIOD)

    def keep(self, tensors: dict[str, Tensor], counters: dict[str, float], march: MarchSettings) -> None:
        """Copy a state that is due; the copy that waited is good now, and the one before it is forgotten."""
        memory = {}
        if self._waiting is not None:
            memory = self.good.tensors if self.good is not None else {}
            self.good = self._waiting
        copies = {name: _copied(tensor, memory.get(name)) for name, tensor in tensors.items()}
        self._waiting = Kept(copies, counters, march)

    def went_back(self) -> None:
        """Training is at the good state again: what waited is of a course that has ended."""
        self._waiting = None


def _copied(tensor: Tensor, memory: Tensor | None) -> Tensor:
    """A copy, in earlier memory where it fits."""
    if memory is None or memory.shape != tensor.shape or memory.dtype != tensor.dtype:
        return tensor.detach().clone()
    return memory.copy_(tensor.detach())
