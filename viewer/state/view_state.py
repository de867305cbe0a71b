"""What the user wants to see: camera, thresholds and view settings, and when to ask the session for a picture."""

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.config.march import MarchSettings, check_step
from core.config.setting import differences
from core.config.types import Box
from core.flights.album import Album
from viewer.input.orbit import FOV_RANGE, OrbitCamera
from viewer.protocol.requests import PhotoId, Pose, SceneRay, Trail, ViewRequest
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import Compare, CompareAs, ViewSettings
from viewer.state.flight_draft import FlightDraft
from viewer.state.playback import Playback

REST_SECONDS = 0.15
"""Seconds after the last change until the picture counts as resting and is asked for at full resolution."""


class ViewState:
    """The newest view. Changes come from the mouse, keys and panels; requests go to the session.

    Attributes:
        camera: None until a scene is open.
        march, view: replaced as a whole by the setters below, which validate.
        other: the thresholds kept as A, or None.
        runs: the names of the former run and the present one; () while no former run is kept.
        ray: an inspected ray that the picture shows, or None; trail: a camera path that it shows, or None.
        flight: the bookmarks and the camera path that are edited.
        playback: the time of the picture; None in a static scene.
        box: the open scene's bounds, or None.
        scene_serial: the open scene's, see `Status`.
    """

    def __init__(self, march: MarchSettings, view: ViewSettings):
        self.march = march
        self.view = view
        self.other: MarchSettings | None = None
        self.runs: tuple[str, ...] = ()
        self.camera: OrbitCamera | None = None
        self.playback: Playback | None = None
        self._on_view: tuple[OrbitCamera | None, float | None, PhotoId | None] = (None, None, None)
        self.ray: SceneRay | None = None
        self.trail: Trail | None = None
        self.flight = FlightDraft(Album())
        self.box: Box | None = None
        self.scene_serial: int | None = None
        self._sent: ViewRequest | None = None
        self._changed_at = -math.inf

    @property
    def serial(self) -> int:
        """The newest request's serial, 0 before the first."""
        return 0 if self._sent is None else self._sent.serial

    @property
    def photo(self) -> PhotoId | None:
        """The dataset's view that the camera stands on; None once it or the time has moved."""
        camera, time, photo = self._on_view
        return photo if camera is self.camera and time == self.time else None

    @property
    def time(self) -> float | None:
        """The time of the picture; None in a static scene."""
        return None if self.playback is None else self.playback.time

    @property
    def playing(self) -> bool:
        """Whether time is running, or the camera flies along its path."""
        return self.flight.playing or (self.playback is not None and self.playback.playing)

    @property
    def pose(self) -> Pose | None:
        """Where and when the picture is taken; None without a camera."""
        return None if self.camera is None else replace(self.camera.pose, time=self.time)

    @property
    def comparing(self) -> Compare:
        """What the picture is compared with: `view.compare`, or `OFF` where that doesn't exist."""
        there = {
            Compare.SETTINGS: self.other is not None,
            Compare.RUN: bool(self.runs),
            Compare.PHOTO: self.photo is not None,
        }
        return self.view.compare if there.get(self.view.compare, False) else Compare.OFF

    @property
    def divider(self) -> float | None:
        """The position of the picture's divider, as a share of its width; None without one."""
        divided = self.comparing is not Compare.OFF and self.view.compare_as is CompareAs.DIVIDER
        return self.view.divider if divided else None

    @property
    def march_of_a(self) -> MarchSettings | None:
        """The thresholds of A's picture; None while the present picture isn't compared with one."""
        # both runs use the same thresholds, so that only what they learnt differs
        return {Compare.SETTINGS: self.other, Compare.RUN: self.march}.get(self.comparing)

    def a_at(self, across: float) -> Compare:
        """Whether A alone is seen at a share of the picture's width: as `SETTINGS` or `RUN`; `OFF` if it isn't."""
        alone = {CompareAs.DIVIDER: across < self.view.divider, CompareAs.FIRST: True}.get(self.view.compare_as, False)
        return self.comparing if alone and self.march_of_a is not None else Compare.OFF

    def place(self, camera: OrbitCamera, photo: PhotoId | None = None, time: float | None = None) -> None:
        """Look from another camera; the field of view's slider follows.

        Args:
            photo: the dataset's view whose camera this is exactly.
            time: when that view was taken: time stops there. None: time goes on as it does.
        """
        low, high = (math.degrees(limit) for limit in FOV_RANGE)
        if time is not None and self.playback is not None:
            self.playback = self.playback.at(time)
        self.camera, self._on_view = camera, (camera, self.time, photo)
        self.view = replace(self.view, fov=min(high, max(low, math.degrees(camera.fov_y))))

    def set_view(self, **changes: Any) -> None:
        """Change view settings by name; raises ValueError if one is out of range."""
        self.view = replace(self.view, **changes)
        if "fov" in changes and self.camera is not None:
            self.camera = self.camera.with_fov(math.radians(self.view.fov))

    def set_playback(self, **changes: Any) -> None:
        """Change the time, or how it runs, by name, in a scene that moves; raises ValueError if one is out of range."""
        if self.playback is not None:
            self.playback = replace(self.playback, **changes)

    def set_march(self, **changes: Any) -> None:
        """Change thresholds by name; raises ValueError if one is out of range, or the step too small for the scene."""
        march = replace(self.march, **changes)
        if self.box is not None:
            check_step(march, self.box)
        self.march = march

    def turn_up(self, up: tuple[float, float, float]) -> None:
        """Follow a change of the scene's up."""
        self.flight.turn_up(up)
        if self.camera is not None and self.camera.scene_up != up:
            self.place(self.camera.stood_up(up))

    def move(self, before: SceneInfo, scene: SceneInfo) -> None:
        """Follow the open scene to another place: thresholds follow its size, except those that the user changed."""
        changed = differences(self.march, before.train.march)
        self.box, self.other, self.march = scene.box, None, scene.train.march
        try:
            self.set_march(**changed)
        except ValueError:  # a step set by hand may be too small for a larger box
            changed.pop("render_step_size", None)
            with suppress(ValueError):  # a near plane may lie beyond the new far plane
                self.set_march(**changed)

    def keep_as_a(self) -> None:
        """Keep the present thresholds as A, to compare later ones with them."""
        self.other = self.march
        self.set_view(compare=Compare.SETTINGS)

    def swap(self) -> None:
        """Swap A's thresholds with the present ones."""
        if self.other is not None:
            self.march, self.other = self.other, self.march

    def current(self, width: int, height: int, moving: bool = False) -> ViewRequest | None:
        """A request for the present view; None without a camera or a pixel."""
        if self.camera is None or width < 1 or height < 1:
            return None
        view = replace(self.view, compare=self.comparing)
        pose, runs = replace(self.camera.pose, time=self.time), self.runs if self.comparing is Compare.RUN else ()
        return ViewRequest(
            pose, width, height, self.march, view, moving, self.serial + 1, self.march_of_a, runs, self.photo,
            self.ray, self.scene_serial, trail=self.trail,
        )  # fmt: skip

    def due(self, width: int, height: int, now: float, held: bool) -> ViewRequest | None:
        """The request to send now, or None.

        A change is requested at once as moving, and again as resting when nothing has changed for a moment. A ray that
        changes because training goes on is no motion.

        Args:
            now: seconds on a monotonic clock.
            held: a button, slider or fly key is down, so the next change is near.
        """
        request = self.current(width, height)
        if request is None:
            return None
        sent = self._sent
        if sent is None or replace(request, serial=sent.serial, moving=sent.moving, ray=sent.ray) != sent:
            self._changed_at = now
        moving = held or now - self._changed_at < REST_SECONDS
        request = replace(request, moving=moving)
        if sent is not None and replace(request, serial=sent.serial) == sent:
            return None
        if sent is not None and moving and self._changed_at != now:
            return None  # only the hold began: nothing new to see
        self._sent = request
        return request

    def forget(self) -> None:
        """Another scene has taken over: what was sent no longer counts."""
        if self._sent is not None:
            self._sent = replace(self._sent, width=0, height=0)
