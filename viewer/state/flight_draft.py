"""The bookmarks and the camera path that the user edits, and the flight that the window plays. Pure."""

from dataclasses import replace
from typing import Any

import numpy as np

from core.config.march import MarchSettings
from core.flights import path as paths
from core.flights.album import Album, Bookmark
from core.flights.curve import Flight, flight_of
from core.flights.path import CameraPath, Key, pose_values
from viewer.protocol.requests import Pose, Trail
from viewer.state.history import History

LINE_POINTS = 24
"""Points of the drawn line for each key."""


class FlightDraft:
    """An album that is edited, with undo and redo, and where its flight is played.

    Args:
        album: to begin with.

    Attributes:
        selected: the index of the key that is edited, or None.
        position: seconds after the flight's start.
        playing, loop: as for a film player.
        drawn: the path is drawn into the picture.
    """

    def __init__(self, album: Album):
        self._history = History(album)
        self.selected: int | None = None
        self.position = 0.0
        self.playing, self.loop, self.drawn = False, True, True

    @property
    def album(self) -> Album:
        return self._history.present

    @property
    def path(self) -> CameraPath:
        return self.album.path

    @property
    def flight(self) -> Flight | None:
        """The path's flight; None while it can't be flown."""
        try:
            return flight_of(self.path)
        except ValueError:
            return None

    @property
    def problem(self) -> str:
        """Why the path can't be flown; "" if it can."""
        try:
            flight_of(self.path)
        except ValueError as error:
            return str(error)
        return ""

    def set_path(self, path: CameraPath, kind: str = "") -> None:
        """Replace the path; `kind` as for `History.record`."""
        self._history.record(replace(self.album, path=path), kind)
        self._keep_in_range()

    def change_path(self, **values: Any) -> None:
        """Change the path's settings by name; raises ValueError if one is out of range."""
        self.set_path(replace(self.path, **values))

    def take(self, album: Album) -> None:
        """Replace the path, and add the album's bookmarks; it can be undone."""
        bookmarks = (*self.album.bookmarks, *(b for b in album.bookmarks if b not in self.album.bookmarks))
        self._history.record(Album(bookmarks, album.path))
        self.selected, self.position = None, 0.0

    def add_key(self, pose: Pose) -> None:
        """Put a key at a pose behind the selected one, or at the end, and select it."""
        index = len(self.path.keys) if self.selected is None else self.selected + 1
        self.set_path(paths.inserted(self.path, index, Key(pose.c2w, pose.fov_y, pose.time)))
        self.selected = index
        if (flight := self.flight) is not None:
            self.position = float(flight.arrivals[index])

    def remove_key(self) -> None:
        """Take the selected key away."""
        if self.selected is not None:
            self.set_path(paths.removed(self.path, self.selected))

    def change_key(self, **values: Any) -> None:
        """Change the selected key by name; raises ValueError if a value is out of range."""
        if self.selected is not None:
            self.set_path(paths.changed(self.path, self.selected, **values))

    def place_key(self, pose: Pose) -> None:
        """Put the selected key at another pose."""
        self.change_key(c2w=pose.c2w, fov_y=pose.fov_y, time=pose.time)

    def move_key(self, axis: int, value: float) -> None:
        """Move the selected key along an axis of the world to a coordinate."""
        if self.selected is not None:
            matrix = self.path.keys[self.selected].matrix
            matrix = matrix.copy()
            matrix[axis, 3] = value
            self.change_key(c2w=pose_values(matrix))

    def reorder_key(self, step: int) -> None:
        """Move the selected key earlier (-1) or later (1) in the order."""
        if self.selected is not None and 0 <= self.selected + step < len(self.path.keys):
            self.set_path(paths.reordered(self.path, self.selected, self.selected + step))
            self.selected += step

    def drag_key(self, index: int, seconds: float) -> None:
        """Move a key in time, as long as a drag goes on; `settle` ends it."""
        if (flight := self.flight) is not None:
            arrivals = tuple(float(arrival) for arrival in flight.arrivals)
            self.set_path(paths.dragged(self.path, index, seconds, arrivals), f"drag {index}")

    def settle(self) -> None:
        """A drag is over."""
        self._history.settle()

    def set_seconds(self, seconds: float) -> None:
        """Fly the path in another time; raises ValueError if it is out of range."""
        self.set_path(paths.lasting(self.path, seconds))

    def add_bookmark(self, pose: Pose, march: MarchSettings | None, thumbnail: str) -> None:
        """Keep a place."""
        name = f"View {len(self.album.bookmarks) + 1}"
        bookmark = Bookmark(Key(pose.c2w, pose.fov_y, pose.time, name=name), march, thumbnail)
        self._history.record(replace(self.album, bookmarks=(*self.album.bookmarks, bookmark)))

    def remove_bookmark(self, index: int) -> None:
        """Forget a place."""
        bookmarks = self.album.bookmarks
        self._history.record(replace(self.album, bookmarks=bookmarks[:index] + bookmarks[index + 1 :]))

    def rename_bookmark(self, index: int, name: str) -> None:
        """Give a place another name."""
        bookmarks = list(self.album.bookmarks)
        bookmarks[index] = replace(bookmarks[index], key=replace(bookmarks[index].key, name=name))
        self._history.record(replace(self.album, bookmarks=tuple(bookmarks)))

    def undo(self) -> None:
        """Take the last edit back."""
        self._history.undo()
        self._keep_in_range()

    def redo(self) -> None:
        """Take the last undo back."""
        self._history.redo()
        self._keep_in_range()

    def toggle(self) -> None:
        """Play, from the start if it is at the end; or stop."""
        flight = self.flight
        self.playing = flight is not None and not self.playing
        if flight is not None and self.playing and self.position >= flight.seconds:
            self.position = 0.0

    def advance(self, seconds: float) -> None:
        """Fly on, if it plays."""
        flight = self.flight
        if not self.playing or flight is None:
            self.playing = False
            return
        self.position += seconds
        if self.position >= flight.seconds:
            self.playing = self.loop
            self.position = self.position % flight.seconds if self.loop else flight.seconds

    def pose(self) -> Pose | None:
        """Where the flight is now; None without one."""
        flight = self.flight
        if flight is None:
            return None
        shots = flight.at(np.array([self.position]))
        time = None if shots.times is None else float(shots.times[0])
        return Pose(pose_values(shots.c2w[0]), float(shots.fov_y[0]), time)

    def trail(self) -> Trail | None:
        """What is drawn of the path; None without keys, or while it isn't drawn."""
        keys, flight = self.path.keys, self.flight
        if not keys or not self.drawn:
            return None
        points = np.zeros((0, 3)) if flight is None else flight.line(LINE_POINTS * len(keys))
        cameras = tuple((key.c2w, key.fov_y) for key in keys)
        return Trail(tuple(map(tuple, points.tolist())), cameras, self.selected)

    def turn_up(self, up: tuple[float, float, float]) -> None:
        """Follow a change of the scene's up; it is no edit."""
        if self.path.up != up:
            self._history.present = replace(self.album, path=replace(self.path, up=up))

    def _keep_in_range(self) -> None:
        n, flight = len(self.path.keys), self.flight
        if self.selected is not None and self.selected >= n:
            self.selected = n - 1 if n else None
        self.position = 0.0 if flight is None else min(self.position, flight.seconds)
