"""Renders a snapshot into a picture without a window: a screenshot again, or a training camera's view."""

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.commands.views import render_views
from core.config.flags import parse_size
from core.files import check_new_file, new_file, new_folder
from core.kernels.runtime.device import choose_device
from core.rendering.render import finished_parts
from core.training.snapshot import load_snapshot
from core.training.trainer import Trainer
from viewer.input.orbit import home_view
from viewer.picture import compose, render
from viewer.picture.camera import check_optics
from viewer.picture.export import screenshots
from viewer.picture.export.depth_files import SUFFIXES, write_depths
from viewer.protocol.requests import PhotoId, Pose, ScreenshotRequest, Split, ViewRequest
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import Compare, ViewSettings
from viewer.scene.open_scene import describe


def rerender(
    snapshot: str,
    output: str,
    like: str | None = None,
    camera: int | None = None,
    time: float | None = None,
    size: str | None = None,
    device: str | None = None,
    thresholds: Mapping[str, Any] | None = None,
    view: Mapping[str, Any] | None = None,
    depth: str | None = None,
    own_field: str | None = None,
    optics: Mapping[str, Any] | None = None,
) -> Path:
    """Render a picture of a snapshot into a new PNG with the same metadata as a screenshot.

    Args:
        output: ends in .png; must not exist.
        like: one of our screenshots, for its camera, thresholds and view settings.
        camera: a training view, counted from 0, for its camera. With neither: the view that the window starts at.
        time: 0 to 1, in a scene that moves; None: the screenshot's or the camera's time.
        size: "WIDTHxHEIGHT"; None: the screenshot's, or the dataset's.
        thresholds, view, optics: settings by name that differ from the screenshot's, or from training's and the
            defaults.
        depth: a new .npy or .npz file of distances, see `viewer.picture.export.depth_files`.
        own_field: see `load_snapshot`.

    Raises:
        FirstlightError: an output exists or can't be written; the snapshot or the screenshot can't be read.
        ValueError: both `like` and `camera`, a camera that doesn't exist, a value out of range, nothing to compare
            with, or a time in a static scene.
    """
    path = check_new_file(output, (".png",))
    if like is not None and camera is not None:
        raise ValueError("give either --like or --camera: both choose the camera")
    depth_path = None if depth is None else check_new_file(depth, SUFFIXES)
    if time is not None and not 0.0 <= time <= 1.0:
        raise ValueError(f"--time must be a number from 0 to 1, got {time:g}")
    width_height = parse_size(size) if size else None
    metadata = screenshots.read_metadata(like) if like else None
    trainer = load_snapshot(snapshot, choose_device(device), own_field=own_field)
    scene = describe(trainer)
    request = screenshots.request_from(metadata) if metadata else _from_camera(trainer, scene, camera)
    if metadata and metadata.get("step") != trainer.step_count:
        print(
            f"note: {like} shows step {metadata.get('step')}, {snapshot} is at step {trainer.step_count}",
            file=sys.stderr,
        )
    if time is not None:
        request = replace(request, view=_at(request.view, time, scene))
    changed = _changed(request.view, width_height, thresholds or {}, view or {})
    request = replace(request, view=replace(changed, optics=replace(changed.optics, **(optics or {}))))
    check_optics(request.view)
    rendered = None
    if depth_path is not None or request.view.optics.samples_per_pixel == 1:
        rendered = finished_parts(render.whole_parts(trainer, request.view))
    if rendered is not None and request.view.optics.samples_per_pixel == 1:
        rgba = compose.finished(rendered, request.view, scene, request.transparent)
    else:
        rgba = compose.make_picture(trainer, request.view, scene, request.transparent)
    assert rgba is not None, "nothing cancels it"
    content = screenshots.encode(request, rgba, trainer.step_count, scene.path, device=trainer.device)
    with new_file(path) as file:  # both files or none: a leftover would be in the way of the next attempt
        file.write(content)
        file.flush()  # so that a full disk shows before the distances are written
        if depth_path is not None and rendered is not None:
            write_depths(depth_path, rendered.output, request.view)
    return path


def rerender_views(
    snapshot: str,
    output: str,
    device: str | None = None,
    thresholds: Mapping[str, Any] | None = None,
    view: Mapping[str, Any] | None = None,
    own_field: str | None = None,
) -> Path:
    """Render all views of a snapshot's dataset into a new folder, see `core.commands.views.render_views`; other
    arguments as for `rerender`, of whose view settings the background counts.

    Raises:
        FirstlightError: the folder holds something or can't be written; the snapshot can't be read.
        ValueError: a value is out of range.
    """
    background = ViewSettings(**(view or {})).background
    folder = new_folder(output)
    trainer = load_snapshot(snapshot, choose_device(device), own_field=own_field)
    march = replace(trainer.settings.march, **(thresholds or {}))
    return render_views(trainer, folder, march, background)


def _from_camera(trainer: Trainer, scene: SceneInfo, camera: int | None) -> ScreenshotRequest:
    n_views = len(scene.cameras)
    if camera is not None and not 0 <= camera < n_views:
        raise ValueError(f"--camera must be a training view from 0 to {n_views - 1}, got {camera}")
    index = home_view(scene) if camera is None else camera
    photo = PhotoId(Split.TRAIN, index)
    c2w = tuple(float(v) for v in np.ravel(scene.cameras[index]))
    pose = Pose(c2w, float(scene.camera_fov_y[index]), scene.time_of(photo))
    view = ViewSettings(background=scene.background)
    width, height = scene.image_sizes[index].tolist()
    request = ViewRequest(pose, width, height, trainer.effective_march, view, moving=False, serial=0, photo=photo)
    return ScreenshotRequest(request, folder="", transparent=False)


def _at(request: ViewRequest, time: float, scene: SceneInfo) -> ViewRequest:
    """The request at another time; its photo is dropped unless it was taken then."""
    if scene.times is None:
        raise ValueError(f"--time goes with a scene that moves, and the views of {scene.name} carry no times: leave it")
    if time == request.pose.time:
        return request
    return replace(request, pose=replace(request.pose, time=time), photo=None)


def _changed(
    request: ViewRequest, size: tuple[int, int] | None, thresholds: Mapping[str, Any], view: Mapping[str, Any]
) -> ViewRequest:
    """The request with the given changes; a field of view changes the pose, which has its own."""
    width, height = size or (request.width, request.height)
    settings = replace(request.view, **view)
    if "fov" in view:
        pose, photo = replace(request.pose, fov_y=math.radians(settings.fov)), None
    else:
        pose, photo = request.pose, request.photo
    other = None if request.runs else request.other
    if settings.compare is Compare.SETTINGS and other is None:
        raise ValueError("--compare settings needs other settings: give --like a screenshot that compares two")
    if settings.compare is Compare.RUN:
        raise ValueError("--compare run needs a former run, and a snapshot keeps one alone: give --compare off")
    if settings.compare is Compare.PHOTO and photo is None:
        raise ValueError("--compare photo needs the camera of a photo: give --camera, or a screenshot taken on a view")
    march = replace(request.march, **thresholds)
    return replace(
        request, pose=pose, width=width, height=height, march=march, view=settings, other=other, runs=(), photo=photo
    )
