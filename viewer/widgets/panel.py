"""What a panel is: a window of widgets that can be docked, moved and closed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from viewer.protocol.frames import Frame
from viewer.protocol.session import ToolKey
from viewer.protocol.status import Status
from viewer.state.dock_layout import Area, DockSlot
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context


@dataclass(frozen=True)
class Pointer:
    """The mouse at one moment.

    Attributes:
        down: the buttons that are down, by the numbers of `viewer.input.navigation`.
        x, y: the cursor, in the window's pixels.
        keys: names of the keys that are held; none while text is typed.
    """

    down: frozenset[int]
    x: float
    y: float
    keys: frozenset[str]


class Panel:
    """The base of all panels. A new one is a file in `viewer/panels` with a subclass, which it names `PANEL`, and a
    line in `viewer.panels`.

    A subclass builds its widgets when it is made, inside a window of its own. Only `update` is needed; the other
    methods do nothing unless overridden.

    Attributes:
        tag: names the panel; its window is the item "panel." + tag, and files with a layout know it by its tag.
        title: in its tab and in the menu Panels.
        area: where it is docked until the user moves it.
        shown: whether it is open until the user closes it.
        tools: the session's tools that it asks; they are told to stop when it goes out of sight.
    """

    tag: ClassVar[str]
    title: ClassVar[str]
    area: ClassVar[Area] = Area.BELOW
    shown: ClassVar[bool] = False
    tools: ClassVar[tuple[ToolKey[Any, Any], ...]] = ()

    def __init__(self, context: Context):
        self._context = context

    @classmethod
    def slot(cls) -> DockSlot:
        """Where it is docked at first."""
        return DockSlot(cls.tag, cls.area, cls.shown)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show what is new. Called for each frame of the window while the panel is in sight."""
        raise NotImplementedError

    def tick(self, status: Status, frame: Frame | None, canvas: Canvas) -> None:
        """Do the work that goes on out of sight too, such as drawing on the picture. Called for each frame of the
        window, before the next picture is asked for."""

    def grabs(self, pointer: Pointer, canvas: Canvas) -> bool:
        """Whether the left button now acts for this panel rather than on the camera. Called for each frame of the
        window in which the camera isn't dragged already."""
        return False

    def shortcuts(self) -> Mapping[str, Callable[[], object]]:
        """What keys do, by their names in `viewer.widgets.keys.KEYS`."""
        return {}

    def log(self, canvas: Canvas) -> Mapping[str, Any]:
        """Entries for the status log, as types of JSON."""
        return {}
