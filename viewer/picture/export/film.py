"""Films of a scene: a flight, or the dataset's own views one after the other. The window and the command line make them
here, so their frames are the same.
"""

import hashlib
import json
import math
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.films.base import FilmInfo
from core.films.png import eight_bits
from core.films.writing import check_film, new_film
from core.flights.curve import Flight, frame_times
from core.flights.path import CameraPath, pose_values
from core.training.trainer import Trainer
from viewer.picture.camera import check_optics
from viewer.picture.compose import picture_parts
from viewer.picture.export.screenshots import metadata_of
from viewer.picture.render import Chunk
from viewer.protocol.optics import CameraModel, Optics, ray_offsets
from viewer.protocol.requests import PhotoId, Pose, ScreenshotRequest, Split, ViewRequest
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import Compare, Mode

FPS = 30.0
"""Frames per second unless given."""


@dataclass(frozen=True)
class FilmOrder:
    """A film to make.

    Attributes:
        output: its file or folder; with `separate`, of several files that have the modes' names in theirs.
        request: what each frame shows, but for its pose: size, thresholds, settings of the view, optics.
        path: what is flown; None: the training views, one after the other, each exactly.
        modes: what is shown, side by side; (): the request's mode.
        motion_blur: the share of a frame's time for which the shutter is open, 0 to 1.
        runs: the scene's time runs once from 0 to 1; else it is that of the keys, or the request's.
        seconds: of the film, where no path has its own.
    """

    output: str
    request: ViewRequest
    path: CameraPath | None
    modes: tuple[Mode, ...] = ()
    separate: bool = False
    fps: float = FPS
    motion_blur: float = 0.0
    runs: bool = False
    seconds: float | None = None

    @classmethod
    def of_view(
        cls,
        output: str,
        request: ViewRequest,
        optics: Optics,
        path: CameraPath,
        modes: tuple[Mode, ...],
        fps: float,
        motion_blur: float,
        scene: SceneInfo,
    ) -> "FilmOrder":
        """A film of the window's flight: the picture's settings without what is drawn to edit. In a scene that moves
        the time runs, unless keys have times.

        Args:
            request: the window's, at the film's size.
        """
        view = request.view
        if view.compare is Compare.PHOTO:
            view = replace(view, compare=Compare.OFF)
        request = replace(request, optics=optics, view=view, moving=False, photo=None, ray=None, trail=None)
        timed = any(key.time is not None for key in path.keys)
        return cls(output, request, path, modes, False, fps, motion_blur, scene.times is not None and not timed)


class FilmProgress(NamedTuple):
    """How far a film is.

    Attributes:
        done: frames that are there, of `total`.
        picture: the newest frame that was rendered, (height, width, 3) uint8; None before it.
    """

    done: int
    total: int
    picture: np.ndarray | None = None


class FilmFrame(NamedTuple):
    """One frame.

    Attributes:
        poses: one, or one for each ray of a pixel while the shutter is open.
        photo: the view that it stands on exactly.
    """

    poses: tuple[Pose, ...]
    photo: PhotoId | None = None

    @property
    def middle(self) -> Pose:
        return self.poses[len(self.poses) // 2]


def frames_of(order: FilmOrder, scene: SceneInfo) -> list[FilmFrame]:
    """The frames of a film.

    Raises:
        ValueError: the path can't be flown, or a setting doesn't go with the others.
    """
    n_rays = order.request.optics.samples_per_pixel
    if not (math.isfinite(order.fps) and 0.0 < order.fps <= 1000.0):
        raise ValueError(f"a film has up to 1000 frames per second, got {order.fps:g}: choose a number above 0")
    if not 0.0 <= order.motion_blur <= 1.0:
        raise ValueError(f"motion blur is a share from 0 to 1, got {order.motion_blur:g}: choose one in that range")
    if order.motion_blur > 0.0 and n_rays < 2:
        raise ValueError("motion blur needs several moments, got one ray per pixel: set samples_per_pixel to 8 or more")
    if order.path is None:
        return _views_in_turn(order, scene)
    if order.request.view.compare is Compare.PHOTO:
        raise ValueError("a flight passes no photo exactly: film the views instead, which compare with theirs")
    flight = Flight(order.path)
    times = frame_times(flight, order.fps)
    open_for = order.motion_blur / order.fps
    moments = np.array([offset.moment for offset in ray_offsets(n_rays)]) - 0.5 if open_for > 0.0 else np.zeros(1)
    instants = times[:, None] + open_for * moments
    if order.path.closed:
        instants = instants % flight.seconds
    instants = np.clip(instants, 0.0, flight.seconds)
    shots = flight.at(instants.ravel())
    moving = scene.times is not None
    poses = []
    for i, (c2w, fov, instant) in enumerate(zip(shots.c2w, shots.fov_y, instants.ravel(), strict=True)):
        time = order.request.pose.time if shots.times is None else float(shots.times[i])
        time = float(instant / flight.seconds) if order.runs else time
        poses.append(Pose(pose_values(c2w), float(fov), (time or 0.0) if moving else None))
    n = len(moments)
    return [FilmFrame(tuple(poses[i : i + n])) for i in range(0, len(poses), n)]


def _views_in_turn(order: FilmOrder, scene: SceneInfo) -> list[FilmFrame]:
    """Each training view for an equal time, half a second unless the film's duration says otherwise."""
    seconds = order.seconds or 0.5 * scene.n_train
    n_frames = max(scene.n_train, round(seconds * order.fps))
    frames = []
    for i in range(n_frames):
        photo = PhotoId(Split.TRAIN, i * scene.n_train // n_frames)
        pose = Pose(pose_values(scene.cameras[photo.index]), float(scene.camera_fov_y[photo.index]))
        time, own = order.request.pose.time, scene.time_of(photo)
        still = time is None or time == own
        frames.append(FilmFrame((replace(pose, time=own if still else time),), photo if still else None))
    return frames


def outputs_of(order: FilmOrder) -> list[tuple[str, tuple[Mode, ...]]]:
    """The files of a film, and what each one shows, side by side."""
    modes = order.modes or (order.request.view.mode,)
    if not order.separate or len(modes) == 1:
        return [(order.output, modes)]
    path = Path(order.output)
    return [(str(path.with_name(f"{path.stem}-{mode.value}{path.suffix}")), (mode,)) for mode in modes]


def check_order(order: FilmOrder, scene: SceneInfo, step: int) -> tuple[list[FilmFrame], list[tuple[Path, FilmInfo]]]:
    """The frames of a film and its files; call it before long work.

    Raises:
        FirstlightError: a file exists.
        ValueError: something in the order is wrong.
    """
    check_optics(order.request)
    frames, model = frames_of(order, scene), order.request.optics.camera_model
    films = []
    for output, modes in outputs_of(order):
        info = FilmInfo(
            order.request.width * len(modes), order.request.height, order.fps, len(frames),
            panorama=model is not CameraModel.PERSPECTIVE, stereo=model is CameraModel.STEREO_PANORAMA,
            identity=_identity(order, modes, scene, step),
        )  # fmt: skip
        if info.panorama and len(modes) > 1:
            raise ValueError("players show one panorama to a frame: choose one mode, or separate files")
        films.append((check_film(output, info), info))
    return frames, films


def film_parts(
    order: FilmOrder,
    trainer: Trainer,
    scene: SceneInfo,
    step: int,
    former: Trainer | None = None,
    chunk: Chunk = None,
    stopped: Callable[[], bool] | None = None,
) -> Generator[FilmProgress, None, list[Path]]:
    """Make a film in parts: it yields between chunks of rays, and returns the films' paths. Closed before its end it
    leaves no film, but for the frames of a folder.

    Args:
        stopped: once it returns True, the film ends with the frames that it has, if there are any.

    Raises:
        FirstlightError, ValueError: see `check_order`; or the film can't be written.
    """
    frames, films = check_order(order, scene, step)
    modes = [modes for _, modes in outputs_of(order)]
    views = {mode: replace(order.request.view, mode=mode) for shown in modes for mode in shown}
    progress = FilmProgress(0, len(frames))
    yield progress
    with ExitStack() as stack:
        open_films = [stack.enter_context(new_film(path, info)) for path, info in films]
        for index, frame in enumerate(frames):
            if stopped is not None and stopped() and index:
                break
            if not all(film.has(index) for film in open_films):
                takes = tuple(replace(order.request, pose=pose, photo=frame.photo) for pose in frame.poses)
                making = picture_parts(trainer, takes, tuple(views.values()), scene, False, former, chunk)
                while True:
                    try:
                        next(making)
                    except StopIteration as end:
                        pictures = dict(zip(views, end.value, strict=True))
                        break
                    yield progress
                for film, shown in zip(open_films, modes, strict=True):
                    parts = [eight_bits(pictures[mode][..., :3]) for mode in shown]
                    pixels = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
                    film.add(index, pixels, _note(order, frame, shown, step, scene))
                    progress = progress._replace(picture=pixels)
            progress = progress._replace(done=index + 1)
            yield progress
    return [path for path, _ in films]


def _note(order: FilmOrder, frame: FilmFrame, shown: tuple[Mode, ...], step: int, scene: SceneInfo) -> str:
    """What a still of a frame remembers, so that `render --like` renders it again; of several modes the first."""
    view = replace(order.request.view, mode=shown[0])
    request = replace(order.request, pose=frame.middle, view=view, photo=frame.photo)
    return json.dumps(metadata_of(ScreenshotRequest(request, "", False), step, scene.path), ensure_ascii=False)


def _identity(order: FilmOrder, modes: tuple[Mode, ...], scene: SceneInfo, step: int) -> str:
    """A digest of everything that the frames depend on."""
    request = replace(order.request, pose=replace(order.request.pose, c2w=()), serial=0)
    path = None if order.path is None else asdict(order.path)
    parts = [
        repr(request),
        path,
        list(modes),
        order.fps,
        order.motion_blur,
        order.runs,
        order.seconds,
        scene.path,
        step,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
