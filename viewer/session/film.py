"""Makes a film of a snapshot without a window."""

import math
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from core.commands.progress import Bar, progress_bars
from core.config.flags import parse_size
from core.errors import FirstlightError
from core.films import kind_of
from core.flights.files import load_album
from core.flights.path import CameraPath, lasting
from core.flights.ready import READY
from core.kernels.runtime.device import choose_device
from core.training.snapshot import load_snapshot, read_album
from viewer.input.orbit import surroundings_of
from viewer.picture.export import screenshots
from viewer.picture.export.film import FPS, FilmOrder, FilmProgress, film_parts
from viewer.protocol.optics import Optics
from viewer.protocol.requests import Pose, ViewRequest
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import Compare, Mode, ViewSettings
from viewer.scene.open_scene import describe

VIEWS, KEPT = "views", "kept"
"""What `--path` may name beside files and ready paths: the training views in turn, and the path in the snapshot."""


@dataclass(frozen=True)
class FilmFlags:
    """What the command line says about a film.

    Attributes:
        path: a file, or one of `READY`, `VIEWS` and `KEPT`.
        like: a screenshot, for its thresholds, its settings of the view and A's.
        modes: several are shown side by side, or with `separate` in files of their own; (): the view's.
        time: the scene's, which then stands still; None: that of the keys, or where they have none it runs.
        thresholds, view, optics: settings by name.
    """

    path: str
    like: str | None = None
    size: str | None = None
    fps: float | None = None
    seconds: float | None = None
    modes: Sequence[Mode] = ()
    separate: bool = False
    motion_blur: float = 0.0
    time: float | None = None
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    view: Mapping[str, Any] = field(default_factory=dict)
    optics: Mapping[str, Any] = field(default_factory=dict)


def film_snapshot(
    snapshot: str, output: str, flags: FilmFlags, device: str | None = None, own_field: str | None = None
) -> tuple[list[Path], FilmProgress]:
    """Make a film; Ctrl-C ends it early with the frames that it has.

    Returns:
        The films' paths, and how far they came.

    Raises:
        FirstlightError: the output exists or can't be written; the snapshot, the path or the screenshot can't be read.
        ValueError: a setting is out of range, or doesn't go with the others.
    """
    kind_of(output)
    size = parse_size(flags.size) if flags.size else None
    if flags.time is not None and not 0.0 <= flags.time <= 1.0:
        raise ValueError(f"--time must be a number from 0 to 1, got {flags.time:g}")
    optics, view = Optics(**flags.optics), ViewSettings(**flags.view)
    metadata = screenshots.read_metadata(flags.like) if flags.like else None
    album = load_album(flags.path) if flags.path.lower().endswith(".json") else None
    if album is None and flags.path not in (*READY, VIEWS, KEPT):
        known = ", ".join((*READY, VIEWS, KEPT))
        raise ValueError(f"--path must be a file (.json) or one of {known}, got {flags.path}")
    if flags.path == KEPT:
        album = read_album(snapshot)
    trainer = load_snapshot(snapshot, choose_device(device), own_field=own_field)
    scene = describe(trainer)
    path = None if flags.path == VIEWS else _path_of(flags, album.path if album else None, scene, view)
    if metadata is not None:
        like = screenshots.request_from(metadata).view
        march, view, other = like.march, replace(like.view, **flags.view), like.other
        if like.runs:
            raise ValueError(
                "--compare run needs a former run, and a snapshot keeps one alone: take another screenshot"
            )
    else:
        march, other = trainer.settings.march, None
        view = replace(ViewSettings(background=scene.background), **flags.view)
    if view.compare in (Compare.SETTINGS, Compare.RUN) and other is None:
        raise ValueError(f"--compare {view.compare.value} needs --like a screenshot that compares two settings")
    width, height = size or _size(path, scene)
    time_given = flags.time if scene.times is not None else None
    if flags.time is not None and scene.times is None:
        raise ValueError(f"--time goes with a scene that moves, and nothing moves in {scene.name}: leave it")
    pose = Pose(tuple(np.eye(4).ravel().tolist()), 1.0, time_given)
    request = ViewRequest(
        pose, width, height, replace(march, **flags.thresholds), view, False, 0, other=other, optics=optics
    )  # fmt: skip
    own_times = path is not None and any(key.time is not None for key in path.keys)
    if path is not None and own_times and flags.time is not None:
        path = replace(path, keys=tuple(replace(key, time=flags.time) for key in path.keys))
    order = FilmOrder(
        output, request, path, tuple(flags.modes), flags.separate, flags.fps or (path.fps if path else None) or FPS,
        flags.motion_blur, scene.times is not None and flags.time is None and not own_times, flags.seconds,
    )  # fmt: skip
    return _made(order, trainer, scene)


def _made(order: FilmOrder, trainer, scene: SceneInfo) -> tuple[list[Path], FilmProgress]:
    progress, console = FilmProgress(0, 1), Console(stderr=True)
    with progress_bars(console) as bars, _interrupts() as interrupted:
        bar, began = Bar(bars, "filming"), time.perf_counter()
        parts = film_parts(order, trainer, scene, trainer.step_count, stopped=lambda: bool(interrupted))
        while True:
            try:
                newest = next(parts)
            except StopIteration as end:
                return end.value, progress
            if newest.done != progress.done:
                left = (time.perf_counter() - began) / newest.done * (newest.total - newest.done)
                bar.update(newest.done / newest.total, f"frame {newest.done} of {newest.total}, {left:.0f} s left")
            progress = newest


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that the first Ctrl-C is put into; the second one raises KeyboardInterrupt. Only a process' main thread
    gets them."""
    caught: list[int] = []

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # another thread
        yield caught
        return
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


def _path_of(flags: FilmFlags, path: CameraPath | None, scene: SceneInfo, view: ViewSettings) -> CameraPath:
    """The path to fly, in the time and with the field of view that the command line asks for."""
    if path is None:
        path = READY[flags.path].make(surroundings_of(scene))
    if not path.keys:
        raise FirstlightError("the snapshot keeps no camera path: name a file (.json) or a ready path")
    if "fov" in flags.view:
        path = replace(path, keys=tuple(replace(key, fov_y=math.radians(view.fov)) for key in path.keys))
    return path if flags.seconds is None else lasting(path, flags.seconds)


def _size(path: CameraPath | None, scene: SceneInfo) -> tuple[int, int]:
    """The path's own size, or the photos', rounded to even sides."""
    width = (path.width if path else None) or scene.image_width
    height = (path.height if path else None) or scene.image_height
    return max(2, width + width % 2), max(2, height + height % 2)
