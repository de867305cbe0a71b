"""What every panel needs, handed to it when it is built."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.config.read_options import AS_STORED, ReadOptions
from core.geometry.placement import Place
from core.training.build import Overrides
from viewer.protocol.frames import Frame
from viewer.protocol.requests import PhotoId, ScreenshotRequest, ViewRequest
from viewer.protocol.status import Notice, Status
from viewer.scene.recovery import Rescue
from viewer.state.sharing import Sharing
from viewer.state.view_state import ViewState
from viewer.widgets.style import Style


class Session(Protocol):
    """What the window asks of a session; every call returns at once."""

    frame: Frame | None
    status: Status

    def start(self) -> None: ...
    def close(self, timeout: float) -> None: ...
    def open(self, path: str, reading: ReadOptions = AS_STORED, wished: Overrides | None = None) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def reset(self) -> None: ...
    def train_in(self, place: Place, scene_serial: int | None = None) -> None: ...
    def train_with(self, method: Overrides, scene_serial: int | None = None) -> None: ...
    def take_up(self, scene_serial: int | None = None) -> None: ...
    def forget_former(self, scene_serial: int | None = None) -> None: ...
    def turn_up(self, up: tuple[float, float, float], scene_serial: int | None = None) -> None: ...
    def rescue(self, way: Rescue) -> None: ...
    def set_training_march(self, march) -> None: ...
    def include(self, view: int, included: bool, scene_serial: int | None = None) -> None: ...
    def save_snapshot(self, path: str) -> None: ...
    def screenshot(self, request: ScreenshotRequest) -> None: ...
    def ask(self, tool: str, question: Any) -> None: ...
    def result(self, tool: str) -> Any: ...
    def request_view(self, request: ViewRequest) -> None: ...
    def take_notices(self) -> list[Notice]: ...


@dataclass
class Context:
    """The window's shared parts. Only the main thread touches it.

    Attributes:
        inputs: widgets that take typed text; while one is active, keys are text and no shortcuts.
        handles: widgets that are dragged; while one is, the picture counts as moving.
        go_to: puts the camera on one of the dataset's views.
        open_panel: brings a panel to the front by its tag, opening it if it is closed.
        sweep: sweeps a threshold, by its name, in the sweep's panel.
        notices: messages waiting to be shown.
        returned: the panel that is updated now was out of sight before, and its tools were told to stop.
        sharing: gives the view's thresholds to training while the user wants it.
    """

    session: Session
    state: ViewState
    style: Style
    inputs: list[int | str] = field(default_factory=list)
    handles: list[int | str] = field(default_factory=list)
    go_to: Callable[[PhotoId], None] = lambda photo: None
    returned: bool = False
    open_panel: Callable[[str], None] = lambda tag: None
    sweep: Callable[[str], None] = lambda name: None
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sharing = Sharing(self.session.set_training_march)

    def say(self, text: str, error: bool = False) -> None:
        """Show a toast, or an error that stays until it is closed."""
        self.notices.append(Notice(text, error))
