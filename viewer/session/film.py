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
from core.flights.album import Album
from core.flights.files import load_album
from core.flights.path import CameraPath, lasting
from core.flights.ready import READY
from core.kernels.runtime.device import choose_device
from core.training.snapshot import load_snapshot, read_album
from core.training.trainer import Trainer
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
    Optics(**flags.optics)  # values out of range are errors before anything is opened
    ViewSettings(**flags.view)
    like = screenshots.request_from(screenshots.read_metadata(flags.like)).view if flags.like else None
    album = _album_of(flags.path, snapshot)
    trainer = load_snapshot(snapshot, choose_device(device), own_field=own_field)
    scene = describe(trainer)
    if flags.time is not None and scene.times is None:
        raise ValueError(f"--time goes with a scene that moves, and nothing moves in {scene.name}: leave it")
    path = None if flags.path == VIEWS else _path_of(flags, album.path if album else None, scene)
    request = _request_of(flags, like, trainer, scene, size or _size(path, scene))
    timed = path is not None and any(key.time is not None for key in path.keys)
    runs = scene.times is not None and flags.time is None and not timed
    fps = flags.fps or (path.fps if path else None) or FPS
    order = FilmOrder(
        output, request, path, tuple(flags.modes), flags.separate, fps, flags.motion_blur, runs, flags.seconds
    )  # fmt: skip
    return _made(order, trainer, scene)


def _album_of(path: str, snapshot: str) -> Album | None:
    """The album that a path's name stands for; None: it has none, but is made for the scene."""
    if path.lower().endswith(".json"):
        return load_album(path)
    if path == KEPT:
        return read_album(snapshot)
    if path not in (*READY, VIEWS):
        known = ", ".join((*READY, VIEWS, KEPT))
        raise ValueError(f"--path must be a file (.json) or one of {known}, got {path}")
    return None


def _request_of(
    flags: FilmFlags, like: ViewRequest | None, trainer: Trainer, scene: SceneInfo, size: tuple[int, int]
) -> ViewRequest:
    """What each frame shows; its pose has the scene's time alone."""
    pose = Pose(tuple(np.eye(4).ravel().tolist()), 1.0, flags.time)
    if like is None:
        view = ViewSettings(background=scene.background)
        like = ViewRequest(pose, *size, trainer.settings.march, view, moving=False, serial=0)
    if like.runs:
        raise ValueError("--compare run needs a former run, and a snapshot keeps one alone: take another screenshot")
    view = replace(like.view, **flags.view)
    if view.compare in (Compare.SETTINGS, Compare.RUN) and like.other is None:
        raise ValueError(f"--compare {view.compare.value} needs --like a screenshot that compares two settings")
    march, optics = replace(like.march, **flags.thresholds), replace(like.optics, **flags.optics)
    return ViewRequest(pose, *size, march, view, moving=False, serial=0, other=like.other, optics=optics)


def _made(order: FilmOrder, trainer: Trainer, scene: SceneInfo) -> tuple[list[Path], FilmProgress]:
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


def _path_of(flags: FilmFlags, path: CameraPath | None, scene: SceneInfo) -> CameraPath:
    """The path to fly, in the time and with the field of view that the command line asks for."""
    if path is None:
        path = READY[flags.path].make(surroundings_of(scene))
    if not path.keys:
        raise FirstlightError(f"{flags.path} has no camera path: name a file (.json) or a ready path")
    keys = path.keys
    if "fov" in flags.view:
        keys = tuple(replace(key, fov_y=math.radians(flags.view["fov"])) for key in keys)
    if flags.time is not None:
        keys = tuple(replace(key, time=flags.time) for key in keys)
    path = replace(path, keys=keys)
    return path if flags.seconds is None else lasting(path, flags.seconds)


def _size(path: CameraPath | None, scene: SceneInfo) -> tuple[int, int]:
    """The path's own size, or the photos', rounded to even sides."""
    width = (path.width if path else None) or scene.image_width
    height = (path.height if path else None) or scene.image_height
    return max(2, width + width % 2), max(2, height + height % 2)
