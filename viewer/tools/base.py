"""What a tool is: work for a panel, done in slices on the thread that owns the scene."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from viewer.protocol.session import Answer, Question, ToolKey
from viewer.scene.open_scene import OpenScene

SLICE_SECONDS = 0.05
SMALLEST_BATCH, FIRST_BATCH, LARGEST_BATCH = 8, 256, 1 << 15
"""Rays per slice. The smallest is for tiny steps, which make rays slow."""

ASIDE, ASKED_FOR, IN_BACKGROUND, AT_ONCE = 0.03, 0.2, 0.35, 0.5
"""Shares of the time while training runs: for figures beside the picture, for work that somebody waits for, for
exports, and for short work at the start of a scene."""

Asked = TypeVar("Asked", contravariant=True)
Answered = TypeVar("Answered", covariant=True)


def next_batch(batch: int, seconds: float) -> int:
    """How many rays the next slice should render, given that `batch` of them took `seconds`."""
    return int(min(LARGEST_BATCH, max(SMALLEST_BATCH, batch * min(4.0, SLICE_SECONDS / seconds))))


class Tool(Protocol[Asked, Answered]):
    """Work for a panel, done in slices while the camera rests.

    Attributes:
        share: of the time that it may take while training runs and it has something to do.
    """

    share: float

    @property
    def result(self) -> Answered | None:
        """The newest answer. It is replaced as a whole and never written to again: the window's thread reads it."""
        ...

    def ask(self, question: Asked | None, scene: OpenScene) -> None:
        """Take a question, which supersedes the one before; None: stop, nobody is looking any more."""
        ...

    def new_scene(self, scene: OpenScene) -> None:
        """Another scene or other weights took over: drop earlier results."""
        ...

    def slice(self, scene: OpenScene) -> bool:
        """Do about 50 ms of work; returns whether there was anything to do."""
        ...


@dataclass(frozen=True)
class ToolKind(Generic[Question, Answer]):
    """One kind of tool: the key that panels ask it by, and what makes it for a session."""

    key: ToolKey[Question, Answer]
    make: Callable[[], Tool[Question, Answer]]
