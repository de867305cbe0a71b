"""The session as the window sees it. It is declared here and nowhere else; `viewer.session.session` implements it."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, ReadOptions
from core.flights.album import Album
from core.geometry.placement import Place
from core.training.build import Overrides
from viewer.protocol.frames import Frame
from viewer.protocol.requests import ScreenshotRequest, ViewRequest
from viewer.protocol.rescues import Rescue
from viewer.protocol.status import Notice, Status

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ToolKey(Generic[Question, Answer]):
    """Names one of `viewer.tools`, with the types of what it is asked and of what it answers."""

    name: str


@runtime_checkable
class ForScene(Protocol):
    """A question about a particular scene, which is dropped once another one is open.

    Attributes:
        scene_serial: that of the status whose scene is meant; None: whichever is open.
    """

    @property
    def scene_serial(self) -> int | None: ...


class Session(Protocol):
    """What the window asks of a session. Every call but `close` returns at once, and `frame` and `status` are replaced
    as a whole.

    `scene_serial` is that of the status whose scene is meant, None for whichever is open; where another scene is open
    by then, nothing is done.

    Attributes:
        frame: the newest finished picture, or None.
        status: what the session does.
        traceback: of the first failure since training last went well, "" without one.
    """

    @property
    def frame(self) -> Frame | None: ...

    @property
    def status(self) -> Status: ...

    @property
    def traceback(self) -> str: ...

    def start(self) -> None:
        """Start the worker."""
        ...

    def close(self, timeout: float = 1.0) -> bool:
        """End the worker; returns whether it ended within `timeout` seconds."""
        ...

    def open(self, path: str, reading: ReadOptions = AS_STORED, overrides: Overrides | None = None) -> None:
        """Open a dataset, a demo by its name or a snapshot, and train it. After a failure the open scene stays.

        Args:
            overrides: method, settings and place that differ from the usual ones.
        """
        ...

    def pause(self) -> None:
        """Stop training; views are still rendered."""
        ...

    def resume(self) -> None:
        """Train on after a pause or a failure."""
        ...

    def reset(self) -> None:
        """Train the open scene again from step 0."""
        ...

    def train_in(self, place: Place, scene_serial: int | None = None) -> None:
        """Train the open scene again from step 0 in another place."""
        ...

    def train_with(self, method: Overrides, scene_serial: int | None = None) -> None:
        """Train the open scene again from step 0 with another method, and keep the present run for comparison. If the
        method doesn't work here, the present run goes on."""
        ...

    def take_up(self, scene_serial: int | None = None) -> None:
        """Go on with the former run, and keep the present one in its place."""
        ...

    def forget_former(self, scene_serial: int | None = None) -> None:
        """Free the former run."""
        ...

    def turn_up(self, up: tuple[float, float, float], scene_serial: int | None = None) -> None:
        """Set the scene's up, a unit vector; training goes on."""
        ...

    def rescue(self, way: Rescue) -> None:
        """Take a way out of a collapse and train on."""
        ...

    def set_training_march(self, march: MarchSettings | None) -> None:
        """Train with these thresholds from the next step on; None: with those the scene was opened with."""
        ...

    def include(self, view: int, included: bool, scene_serial: int | None = None) -> None:
        """Train with or without one of the training views from the next step on."""
        ...

    def save_snapshot(self, path: str, album: Album | None = None) -> None:
        """Write the whole state of training to a file, with the user's bookmarks and camera path."""
        ...

    def screenshot(self, request: ScreenshotRequest) -> None:
        """Render a view at its full size and save it as a new PNG."""
        ...

    def ask(self, tool: ToolKey[Question, Answer], question: Question | None) -> None:
        """Ask a tool a question, which supersedes the one before; None: stop working. See `ForScene`."""
        ...

    def result(self, tool: ToolKey[Question, Answer]) -> Answer | None:
        """A tool's newest answer, or None."""
        ...

    def request_view(self, request: ViewRequest) -> None:
        """Ask for a picture; it supersedes the one asked for before."""
        ...

    def take_notices(self) -> list[Notice]:
        """The notices since the last call, oldest first."""
        ...
