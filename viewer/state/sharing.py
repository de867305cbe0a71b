"""Whether training marches with the view's thresholds, and when they are sent to it."""

from collections.abc import Callable

from core.config.march import MarchSettings
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.status import Status
from viewer.state.following import goes_on


class Sharing:
    """Sends the view's thresholds to training, whichever panel changed them.

    Args:
        send: hands thresholds to training; None: its own ones again.

    Attributes:
        on: whether the user asked for it.
    """

    def __init__(self, send: Callable[[MarchSettings | None], None]):
        self._send, self.on = send, False
        self._sent: MarchSettings | None = None
        self._serial = 0
        self._scene: SceneInfo | None = None
        self._collapsed = False

    def set(self, on: bool) -> None:
        """The user ticked or cleared the box."""
        if self.on and not on:
            self._send(None)
        self.on, self._sent = on, None

    def update(self, status: Status, march: MarchSettings, held: bool) -> None:
        """Send thresholds that are new to training; called for each frame of the window.

        Args:
            held: a slider is being dragged. Training gets the value once it is released: after each change training
                has to find its batch size again.
        """
        self._follow_scene(status)
        self._follow_rescue(status)
        if self.on and not held and march != self._sent and status.scene is not None:
            self._sent = march
            self._send(march)

    def _follow_scene(self, status: Status) -> None:
        """A new scene trains with its own thresholds; one that starts again keeps what the user ticked."""
        scene, before = status.scene, self._scene
        if scene is None or status.scene_serial == self._serial:
            return
        self._serial, self._scene, self._sent = status.scene_serial, scene, None
        if before is None or not goes_on(status, before) or scene.box != before.box:
            self.on = False

    def _follow_rescue(self, status: Status) -> None:
        """A rescue from a collapse gave training other thresholds than the view's."""
        rescued, self._collapsed = self._collapsed and status.collapse is None, status.collapse is not None
        if rescued and status.march != self._sent:
            self.on, self._sent = False, None
