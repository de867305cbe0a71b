"""The cameras of requests: a pose, with the optics of a picture for a file."""

import math
from dataclasses import replace

import torch

from core.config.types import Box
from core.datasets.dataset import Dataset
from core.geometry.boxes import centre_of, sides_of
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from core.geometry.panorama import Panorama
from viewer.protocol.optics import PINHOLE, CameraModel, Optics, RayOffset
from viewer.protocol.requests import Pose, ViewRequest
from viewer.protocol.view_settings import OVERLAYS, Compare, SliceAxis

EYES_PER_DIAGONAL = 0.01
"""The distance between the eyes, in diagonals of the scene's box, unless it is given."""


def check_optics(request: ViewRequest) -> None:
    """Raise ValueError for what only a perspective camera can show, in a request with another one."""
    view, model = request.view, request.optics.camera_model
    if model is CameraModel.PERSPECTIVE:
        return
    drawn = any(getattr(view, name) for name in OVERLAYS) or view.cells_opacity > 0.0
    drawn = drawn or request.ray is not None or request.trail is not None
    if drawn or view.slice_axis is not SliceAxis.OFF or view.compare is Compare.PHOTO:
        raise ValueError(f"nothing is drawn into a {model.value}, and no photo is beside it: leave these settings out")
    if model is CameraModel.STEREO_PANORAMA and request.height % 2:
        raise ValueError(
            f"a stereo panorama has two equal halves, got a height of {request.height}: choose an even one"
        )


def camera_of(
    pose: Pose,
    width: int,
    height: int,
    device: str,
    optics: Optics = PINHOLE,
    offset: RayOffset | None = None,
    box: Box | None = None,
) -> Camera:
    """The camera of a pose: square pixels, its centre in the middle of the picture.

    Args:
        offset: which ray of each pixel it has; None: the one through its centre. A camera that is moved over the lens
            is shifted so that all its rays still meet the others of their pixels at the focus.
        box: the scene's, whose middle is in focus if the optics have no other.
    """
    c2w = torch.tensor(pose.c2w, dtype=torch.float32).reshape(4, 4)
    K = pinhole_matrix(pose.fov_y, width, height)
    if offset is not None:
        K[0, 2] -= offset.right
        K[1, 2] -= offset.down
        if optics.aperture > 0.0:
            shift = optics.aperture * torch.tensor([offset.lens_right, offset.lens_up])
            K[0, 2] += shift[0] * K[0, 0] / focus_of(optics, c2w, box)
            K[1, 2] -= shift[1] * K[1, 1] / focus_of(optics, c2w, box)
            c2w[:3, 3] += shift[0] * c2w[:3, 0] + shift[1] * c2w[:3, 1]
    return Camera(c2w, K, width, height, times=_times(pose)).to(device)


def focus_of(optics: Optics, c2w: torch.Tensor, box: Box | None) -> float:
    """The distance along the view axis that is in focus."""
    if optics.focus > 0.0 or box is None:
        return optics.focus or 1.0
    ahead = float((c2w[:3, 3] - torch.tensor(centre_of(box))) @ c2w[:3, 2])
    return ahead if ahead > 1e-3 * math.hypot(*sides_of(box)) else 0.5 * math.hypot(*sides_of(box))


def panorama_of(
    pose: Pose, width: int, height: int, device: str, optics: Optics, offset: RayOffset | None, dataset: Dataset
) -> Panorama:
    """The panorama from a pose's place. It is level: of the pose's direction the heading alone counts."""
    c2w = torch.tensor(pose.c2w, dtype=torch.float32).reshape(4, 4)
    up = torch.tensor(dataset.up)
    ahead = -c2w[:3, 2] + (c2w[:3, 2] @ up) * up
    if float(ahead.norm()) < 1e-3:  # straight up or down: the picture's upper side says where ahead is
        ahead = c2w[:3, 1] - (c2w[:3, 1] @ up) * up
    level = look_at(c2w[:3, 3], c2w[:3, 3] + ahead, dataset.up)
    eyes = 0.0
    if optics.camera_model is CameraModel.STEREO_PANORAMA:
        eyes = optics.eye_distance or EYES_PER_DIAGONAL * math.hypot(*sides_of(dataset.box))
    shift = (0.0, 0.0) if offset is None else (offset.right, offset.down)
    panorama = Panorama(level.to(device), width, height, eyes, shift)
    times = _times(pose)
    return panorama if times is None else replace(panorama, times=times.to(device))


def _times(pose: Pose) -> torch.Tensor | None:
    return None if pose.time is None else torch.tensor(pose.time, dtype=torch.float32)
