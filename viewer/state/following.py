"""What the window's state adopts from the session when another scene opens or the open one starts again."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.flights.album import Album
from viewer.protocol.runs import RunSummary, title_of
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Compare
from viewer.state.flight_draft import FlightDraft
from viewer.state.playback import Playback
from viewer.state.view_state import ViewState


class SceneFollower:
    """Keeps a state in step with the session's scenes.

    Args:
        thresholds, picture: values of `MarchSettings` and of `ViewSettings` by name, for the first scene.
        opened: called with what to open to get a newly opened scene again.
        go_home: puts the camera on a new scene.
        say: shows the user an error.
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
        """Adopt a new status: another scene, the same one in another place or with another method, another up, or a
        former run that is gone."""
        state, scene, before = self._state, status.scene, self._scene
        if scene is None:
            return
        state.turn_up(scene.up)
        runs = () if status.former is None else (_at_step(status.former), title_of(scene.method))
        if state.runs and not runs and state.view.compare is Compare.RUN:
            state.set_view(compare=Compare.OFF)  # otherwise the next former run would be shown unasked
        state.runs = runs
        if status.scene_serial == self._serial:
            return
        self._serial = state.scene_serial = status.scene_serial
        self._scene = scene
        state.forget()
        if before is None or not goes_on(status, before) or not _same_views(scene, before):
            self._begin(scene)
        elif scene.train.march != before.train.march or scene.box != before.box:
            state.move(before, scene)

    def _begin(self, scene: SceneInfo) -> None:
        state = self._state
        state.other = None
        state.flight = FlightDraft(scene.album or Album())
        self._opened(scene.opened)
        state.march, state.box = scene.train.march, scene.box
        state.playback = None if scene.times is None else Playback()
        try:
            state.set_march(**self._asked)
        except ValueError as error:  # the thresholds don't suit this scene's size or its own ones
            self._say(f"The scene keeps its own thresholds: {error}")
        self._go_home()
        if self._asked_fov is not None:
            state.set_view(fov=self._asked_fov)
        self._asked, self._asked_fov = {}, None


def goes_on(status: Status, before: SceneInfo | None) -> bool:
    """Whether a status's scene continues the one before it: opened from the same place, or beside a former run, which a
    newly opened scene never has. A snapshot that is opened after its dataset is another scene; a dataset that is opened
    after a snapshot of it isn't.

    Args:
        before: None: there was none.
    """
    scene = status.scene
    if scene is None or before is None:
        return False
    return scene.opened in (before.opened, before.path) or (status.former is not None and scene.path == before.path)


def _same_views(scene: SceneInfo, before: SceneInfo) -> bool:
    """Whether both have the same cameras and either both move or neither; reading other axes turns cameras over."""
    return (scene.times is None) == (before.times is None) and np.array_equal(scene.cameras, before.cameras)


def _at_step(former: RunSummary) -> str:
    """The former run's name. The present run's has no step: it would change with every picture."""
    return f"{former.title}, step {former.step}"
