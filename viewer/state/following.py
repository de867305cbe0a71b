"""What the window's state takes over from the session when another scene opens, or the open one starts anew."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from viewer.protocol.runs import title_of
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Compare
from viewer.state.playback import Playback
from viewer.state.view_state import ViewState


class SceneFollower:
    """Keeps a state in step with the session's scenes.

    Args:
        thresholds, picture: values of `MarchSettings` and of `ViewSettings` by name, meant for the first scene.
        opened: called with what to open to have a newly opened scene again.
        go_home: puts the camera on a new scene.
        say: tells the user of an error.
    """

    def __init__(
        self,
        state: ViewState,
        thresholds: Mapping[str, Any],
        picture: Mapping[str, Any],
        opened: Callable[[str], None],
        go_home: Callable[[], None],
        say: Callable[[str], None],
    ):
        self._state, self._asked, self._asked_fov = state, thresholds, picture.get("fov")
        self._opened, self._go_home, self._say = opened, go_home, say
        self._serial = 0
        self._scene: SceneInfo | None = None

    def follow(self, status: Status) -> None:
        """Another scene, or the same one anew, in another place or with another method, has taken over; or its up was
        turned, or its former run was let go."""
        state, scene, before = self._state, status.scene, self._scene
        if scene is None:
            return
        state.turn_up(scene.up)
        runs = () if status.former is None else (_at_step(status), title_of(scene.method))
        if state.runs and not runs and state.view.compare is Compare.RUN:
            state.set_view(compare=Compare.OFF)  # or the next former run would show without having been asked for
        state.runs = runs
        if status.scene_serial == self._serial:
            return
        self._serial = state.scene_serial = status.scene_serial
        self._scene = scene
        state.forget()
        same = goes_on(status, before) and (scene.times is None) == (before.times is None)
        if same and np.array_equal(scene.cameras, before.cameras):  # other axes turn cameras over
            if scene.train.march != before.train.march or scene.box != before.box:
                state.move(before, scene)
            return
        self._begin(scene)

    def _begin(self, scene: SceneInfo) -> None:
        state = self._state
        state.other = None
        self._opened(scene.opened)
        state.march, state.box = scene.train.march, scene.box
        state.playback = None if scene.times is None else Playback()
        try:
            state.set_march(**self._asked)
        except ValueError as error:  # what was asked for doesn't go with this scene's size or its own thresholds
            self._say(f"The scene keeps its own thresholds: {error}")
        self._go_home()
        if self._asked_fov is not None:
            state.set_view(fov=self._asked_fov)
        self._asked, self._asked_fov = {}, None


def goes_on(status: Status, before: SceneInfo | None) -> bool:
    """Whether a status's scene is the one before it, though perhaps not its snapshot: opened as that was, or beside a
    former run, which a scene that was just opened never has.

    Args:
        before: None: there was none.
    """
    if before is None:
        return False
    scene = status.scene
    return scene.opened in (before.opened, before.path) or (status.former is not None and scene.path == before.path)


def _at_step(status: Status) -> str:
    """What the former run is called; the present one's steps would be others in every picture."""
    return f"{status.former.title}, step {status.former.step}"
