"""What the worker asks of a tool."""

from typing import Any, Protocol

from viewer.scene.open_scene import OpenScene

SLICE_SECONDS = 0.05
SMALLEST_BATCH, FIRST_BATCH, LARGEST_BATCH = 8, 256, 1 << 15
"""Rays of a slice. Tiny steps make the smallest one slow enough."""

ASIDE, ASKED_FOR, AT_ONCE = 0.03, 0.2, 0.5
"""Shares of the time while training runs: for figures that stand beside the picture anyway, for work that somebody
waits for, and for what a scene begins with and is soon done."""


def next_batch(batch: int, seconds: float) -> int:
    """How many rays the next slice should render, when `batch` of them took some seconds."""
    return int(min(LARGEST_BATCH, max(SMALLEST_BATCH, batch * min(4.0, SLICE_SECONDS / seconds))))


class Tool(Protocol):
    """Work for a panel, done in slices while the camera rests, on the thread that owns the scene.

    Attributes:
        result: the newest finished result, replaced as a whole and never written to again: the window reads it.
        share: of the time that it may take while training runs and it has something to do.
    """

    result: Any
    share: float

    def ask(self, question: Any, scene: OpenScene) -> None:
        """Take a question, which supersedes the one before; None: stop, nobody looks any more."""
        ...

    def new_scene(self, scene: OpenScene) -> None:
        """Another scene or other weights took over: earlier results are void."""
        ...

    def slice(self, scene: OpenScene) -> bool:
        """Do some 50 ms of work; gives whether there was anything to do."""
        ...
