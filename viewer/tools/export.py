"""What is written to files in the background, from a copy of the weights, while training and the view go on."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import FIRST_BATCH, IN_BACKGROUND, SLICE_SECONDS, ToolKind, next_batch


@dataclass(frozen=True)
class ExportState:
    """An export under way, or the last one.

    Attributes:
        title: what is made, such as "flight.mp4".
        done, total: parts, such as frames.
        seconds: since it began.
        running: neither finished nor cancelled.
        files: what was written; () until it is finished.
        picture: of the newest part, (height, width, 3) uint8, or None.
        number: grows with each export.
    """

    title: str
    done: int = 0
    total: int = 1
    seconds: float = 0.0
    running: bool = True
    files: tuple[str, ...] = ()
    picture: np.ndarray | None = None
    number: int = 0

    @property
    def seconds_left(self) -> float | None:
        """What it will still take at its present pace; None before its first part."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


class ExportStep(Protocol):
    """How far an export is: parts that are `done` of `total`, and the newest one's `picture`."""

    @property
    def done(self) -> int: ...

    @property
    def total(self) -> int: ...

    @property
    def picture(self) -> np.ndarray | None: ...


class ExportJob(Protocol):
    """Something to export; it is immutable, as the window's thread makes it."""

    @property
    def title(self) -> str:
        """What is made."""
        ...

    def work(self, scene: OpenScene, chunk: Callable[[], int]) -> Generator[ExportStep, None, list[str]]:
        """Export in parts of about 50 ms; returns the files. What it needs of the scene it copies before its first
        part: training goes on in between.

        Args:
            chunk: the number of rays to render at a time.
        """
        ...


class ExportTool:
    """Does one job at a time. A new scene doesn't stop it."""

    share = IN_BACKGROUND

    def __init__(self) -> None:
        self.result: ExportState | None = None
        self._work: Generator[ExportStep, None, list[str]] | None = None
        self._began, self._n, self._chunk = 0.0, 0, FIRST_BATCH

    def ask(self, question: ExportJob | None, scene: OpenScene) -> None:
        """Begin a job, which ends the one before; None: end it."""
        if self._work is not None:
            self._work.close()
            self._work = None
        if self.result is not None:
            self.result = replace(self.result, running=False)
        if question is not None:
            self._n += 1
            self._began = time.perf_counter()
            self.result = ExportState(question.title, number=self._n)
            self._work = question.work(scene, lambda: self._chunk)
            self._advance()  # the copy is of the moment in which it was asked for

    def new_scene(self, scene: OpenScene) -> None:
        """See `Tool.new_scene`; a job has copied what it needs."""

    def slice(self, scene: OpenScene) -> bool:
        """See `Tool.slice`."""
        if self._work is None:
            return False
        began = time.perf_counter()
        while self._work is not None and time.perf_counter() - began < SLICE_SECONDS:
            self._advance()
        return True

    def _advance(self) -> None:
        work, state = self._work, self.result
        assert work is not None and state is not None
        began = time.perf_counter()
        try:
            step = next(work)
        except StopIteration as end:
            self._work = None
            seconds = time.perf_counter() - self._began
            self.result = replace(state, running=False, files=tuple(end.value), done=state.total, seconds=seconds)
            return
        except Exception:
            self._work = None
            self.result = replace(state, running=False)
            raise
        now = time.perf_counter()
        self._chunk = next_batch(self._chunk, now - began)
        self.result = replace(
            state, done=step.done, total=step.total, picture=step.picture, seconds=now - self._began
        )  # fmt: skip


EXPORT: ToolKey[ExportJob, ExportState] = ToolKey("export")
TOOL = ToolKind(EXPORT, ExportTool)
