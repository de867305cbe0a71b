"""A log of what the window shows, one JSON object per line, to study a run and to test the window."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from core.errors import FirstlightError
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.state.view_state import ViewState

VARIABLE = "FIRSTLIGHT_STATUS_LOG"
"""The environment variable that names the log's file."""

PERIOD = 0.01
"""Seconds between lines, less than a frame of the window: each frame has a line."""


class StatusLog:
    """Appends to a file, at most one line per `PERIOD`; without a path it logs nothing."""

    def __init__(self, path: Path | None):
        self._file: TextIO | None = None
        self._next = 0.0
        self._widgets: dict[str, tuple[int, int, int, int]] = {}
        if path is not None:
            try:
                self._file = path.open("a", encoding="utf-8")
            except OSError as e:
                raise FirstlightError(f"the status log {path} can't be written ({e}): choose another path") from e

    @classmethod
    def of_environment(cls) -> "StatusLog":
        """The log that `VARIABLE` names, or one that logs nothing."""
        name = os.environ.get(VARIABLE)
        return cls(Path(name) if name else None)

    def due(self, now: float) -> bool:
        """Whether the next line is due."""
        return self._file is not None and now >= self._next

    def write(
        self,
        now: float,
        status: Status,
        frame: Frame | None,
        widgets: dict[str, tuple[int, int, int, int]],
        **more: Any,
    ) -> None:
        """Append a line.

        Args:
            widgets: x, y, width, height in the window of each visible named widget; written when they change.
            more: further entries of JSON types.
        """
        if self._file is None:
            return
        self._next = now + PERIOD
        line = {"time": round(time.time(), 3), **summary(status, frame), **more}
        if widgets != self._widgets:
            line["widgets"] = self._widgets = dict(widgets)
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def summary(status: Status, frame: Frame | None) -> dict[str, Any]:
    """A status and a frame as JSON types."""
    found = {
        "state": status.state.value,
        "message": status.message,
        "collapse": None if status.collapse is None else asdict(status.collapse),
        "scene": status.scene.name if status.scene else None,
        "step": status.step,
        "seconds": status.seconds,
        "steps_per_second": status.steps_per_second,
        "loss": status.losses[-1][1] if status.losses else None,
        "psnr": status.psnrs[-1].psnr if status.psnrs else None,
        "views_per_second": status.views_per_second,
        "excluded": sorted(status.excluded),
        "method": None if status.scene is None else dict(status.scene.method.method),
        "former": None if status.former is None else status.former.title,
        "reading": None if status.scene is None else asdict(status.scene.reading),
    }
    if frame is not None:
        found["frame"] = {
            "serial": frame.request.serial,
            "step": frame.step,
            "moving": frame.request.moving,
            "mode": frame.request.view.mode.value,
            "time": frame.request.pose.time,
            "milliseconds": frame.stats.milliseconds,
            "width": frame.stats.rendered_width,
            "height": frame.stats.rendered_height,
            "samples_per_ray": frame.stats.samples_per_ray,
            "occupied": frame.stats.occupied,
            "compared": frame.comparison is not None,
        }
    return found


def asked_for(state: ViewState) -> dict[str, Any]:
    """What the user has asked to see."""
    pose, playback, photo = state.pose, state.playback, state.photo
    return {
        "serial": state.serial,
        "march": asdict(state.march),
        "view": asdict(state.view),
        "camera": None if pose is None else asdict(pose),
        "playback": None if playback is None else asdict(playback),
        "photo": None if photo is None else asdict(photo),
    }
