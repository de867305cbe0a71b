"""What a panel gets when it is built: the session, the state and the other shared parts of the window."""

from collections.abc import Callable
from dataclasses import dataclass, field

from viewer.protocol.requests import PhotoId
from viewer.protocol.session import Session
from viewer.protocol.status import Notice
from viewer.state.sharing import Sharing
from viewer.state.view_state import ViewState
from viewer.widgets.style import Style


@dataclass
class Context:
    """The window's shared parts. Only the main thread touches it.

    Attributes:
        inputs: widgets that text is typed into; while one is active, keys are no shortcuts.
        handles: widgets that are dragged; while one is, the picture counts as moving.
        go_to: puts the camera on one of the dataset's views.
        open_panel: brings a panel to the front by its tag, opening it if it is closed.
        picker: is called once with the cursor's place in the window at the next press on the picture, instead of what
            the press does otherwise; None: nobody waits for one.
        sweep: sweeps a threshold, by its name, in the sweep's panel.
        notices: messages waiting to be shown.
        returned: whether the panel that is updated now has just come back into sight. Its tools were told to stop
            meanwhile, so it must ask them again.
        sharing: passes the view's thresholds on to training while the user wants that.
    """

    session: Session
    state: ViewState
    style: Style
    inputs: list[int | str] = field(default_factory=list)
    handles: list[int | str] = field(default_factory=list)
    go_to: Callable[[PhotoId], None] = lambda photo: None
    returned: bool = False
    open_panel: Callable[[str], None] = lambda tag: None
    picker: Callable[[float, float], None] | None = None
    sweep: Callable[[str], None] = lambda name: None
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sharing = Sharing(self.session.set_training_march)

    def say(self, text: str, error: bool = False) -> None:
        """Show a toast, or an error that stays until it is closed."""
        self.notices.append(Notice(text, error))
