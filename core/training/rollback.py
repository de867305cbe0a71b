"""Keeps the newest state known to be good, so that training can go back to it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.config.march import MarchSettings

PERIOD = 3.0
"""Seconds of training between copies. Copying takes less than 0.5% of them (see tests/benchmarks/RESULTS.md)."""

PROOF_STEPS = 100
"""Steps that must succeed after a state before it counts as good: more than it takes to notice any collapse."""


@dataclass(frozen=True)
class SavedState:
    """A copy of a trainer's state.

    Attributes:
        tensors, counters: from `Trainer.state_tensors` and `Trainer.counters`; the tensors are copies.
        march: training's thresholds at that time.
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

    def copies(self) -> dict[str, Tensor]:
        """Copies of the tensors: loaded ones become the optimiser's own, and the state may be needed again."""
        return {name: tensor.clone() for name, tensor in self.tensors.items()}


class LastGood:
    """Copies the state as training goes on. A copy is pending until enough steps have succeeded after it.

    There are at most two copies, which reuse the same memory in turn. Those of a GPU's tensors are on the host, in
    page-locked memory, so that no step waits for them.

    Attributes:
        good: the newest copy that proved good, or None.
    """

    def __init__(self) -> None:
        self.good: SavedState | None = None
        self._pending: SavedState | None = None

    def due(self, step: int, seconds: float) -> bool:
        """Whether to copy after a successful step: there is no pending copy, or it has proved good."""
        pending = self._pending
        return pending is None or (step >= pending.step + PROOF_STEPS and seconds >= pending.seconds + PERIOD)

    def keep(self, tensors: dict[str, Tensor], counters: dict[str, float], march: MarchSettings) -> None:
        """Copy the state; the pending copy becomes the good one, and the old good one's memory is reused."""
        memory = {}
        if self._pending is not None:
            memory = self.good.tensors if self.good is not None else {}
            self.good = self._pending
        copies = {name: _copy(tensor, memory.get(name)) for name, tensor in tensors.items()}
        self._pending = SavedState(copies, counters, march)

    def discard_pending(self) -> None:
        """Drop the pending copy: training went back to the good state, before it."""
        self._pending = None


def _copy(tensor: Tensor, memory: Tensor | None) -> Tensor:
    """A copy on the host, in the given memory if it fits."""
    if memory is None or memory.shape != tensor.shape or memory.dtype != tensor.dtype:
        try:
            memory = torch.empty_like(tensor, device="cpu", requires_grad=False, pin_memory=tensor.is_cuda)
        except RuntimeError:  # so much can't be locked
            memory = torch.empty_like(tensor, device="cpu", requires_grad=False)
    return memory.copy_(tensor.detach(), non_blocking=True)
