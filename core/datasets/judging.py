"""What seems wrong with a dataset: poses that can't be right, pictures that don't help."""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.cameras import Camera
from core.datasets import FORMATS
from core.datasets.base import Dataset, Views, some_of
from core.datasets.hull import point_looked_at
from core.datasets.sharpest import sharpness
from core.reading import Axes
from core.settings import Box

_FEW_VIEWS = 20
_LOOKS_AWAY = 60.0
_NOT_A_ROTATION = 0.01

_FAR_OFF = 6.0
"""A camera so many times as far from the others' middle as they are in the median is an outlier."""

_BLURRED = 0.25
"""A picture with less than this share of the median sharpness is called blurred."""

_OTHER_AXES: dict[Axes, str] = {
    "opengl": "the poses have OpenCV's axes (y down, z forward) where OpenGL's are expected (y up, z back): "
    "open it with --axes opencv",
    "opencv": "the poses have OpenGL's axes (y up, z back) and no --axes opencv is needed",
}
"""What is wrong where cameras look away, by the axes they were opened with."""

_FEWEST_TO_JUDGE = 3
"""Cameras whose axes can say something together."""

_JUMP = 0.35
"""A picture whose mean brightness differs from the median by more than this share of it was exposed otherwise."""


def warnings_on(dataset: Dataset) -> list[str]:
    """One sentence for each thing that seems wrong, the gravest first."""
    return [*_on_poses(dataset), *_on_pictures(dataset.train)]


def towards_centre(cameras: Camera, box: Box) -> tuple[Tensor, Tensor]:
    """Distances (n,) of the cameras from the box's centre, and angles (n,) in degrees between it and their axes."""
    centre = torch.tensor(box).view(2, 3).mean(0)
    towards = centre - cameras.c2w[:, :3, 3]
    distances = torch.linalg.vector_norm(towards, dim=-1)
    forward = torch.nn.functional.normalize(-cameras.c2w[:, :3, 2], dim=-1)
    cosines = (towards * forward).sum(-1) / distances.clamp_min(1e-9)
    return distances, torch.rad2deg(torch.arccos(cosines.clamp(-1.0, 1.0)))


def _on_poses(dataset: Dataset) -> Iterator[str]:
    train, cameras = dataset.train, dataset.train.cameras
    if _turned_over(cameras):
        yield "the cameras look away from each other's middle, as in a room photographed from its middle" + (
            f"; or {_OTHER_AXES[dataset.reading.axes]}" if _may_have_other_axes(dataset) else ""
        )
    if len(train) < _FEW_VIEWS:
        yield f"{len(train)} training views are few: expect holes and floaters; {_FEW_VIEWS} or more do better"
    away = int((towards_centre(cameras, dataset.box)[1] > _LOOKS_AWAY).sum())
    if away:
        yield f"{_of_the_cameras(away, train)} look more than {_LOOKS_AWAY:g} degrees past the box's centre"
    low, high = torch.tensor(dataset.box).view(2, 3)
    origins = cameras.c2w[:, :3, 3]
    inside = int(((origins > low) & (origins < high)).all(-1).sum())
    if inside and dataset.near_plane == 0.0:
        yield f"{_of_the_cameras(inside, train)} stand inside the box: set near_plane above 0"
    far_off = [train.names[i] for i in _far_off(origins).nonzero().flatten().tolist()]
    if far_off:
        yield f"{_of_the_cameras(len(far_off), train)} stand far off all others: {some_of(far_off)}"
    twins = len(train) - len(torch.unique(cameras.c2w.flatten(1), dim=0))
    if twins:
        yield f"{_of_the_cameras(twins, train)} have the same pose as another: are the poses right?"
    odd = int(_not_rotations(cameras).sum())
    if odd:
        yield f"the poses of {_of_the_cameras(odd, train)} are mirrored or sheared, not rotations"


def _on_pictures(train: Views) -> Iterator[str]:
    if train.has_silhouettes:
        empty = [name for name, image in zip(train.names, train.images, strict=True) if not image[..., 3].any()]
        if empty:
            yield f"{len(empty)} training images are wholly transparent, such as {empty[0]}"
        return  # what lies behind an object tells nothing about focus and exposure
    looks = torch.tensor([_look(image) for image in train.images])  # one at a time: in floats all would be too many
    sharpness, brightness = looks.unbind(1)
    order = sharpness.argsort().tolist()
    blurred = [train.names[i] for i in order if sharpness[i] < _BLURRED * sharpness.median()]
    if blurred:
        yield f"{len(blurred)} training images are blurred beside the others, the worst first: {some_of(blurred)}"
    typical = brightness.median()
    jumped = (brightness - typical).abs() > _JUMP * typical.clamp_min(1.0)
    jumps = [train.names[i] for i in jumped.nonzero().flatten().tolist()]
    if jumps:
        yield f"{len(jumps)} training images are exposed otherwise than most: {some_of(jumps)}"


def _may_have_other_axes(dataset: Dataset) -> bool:
    """Whether the user says which axes the cameras have, rather than the format."""
    return any(form.any_axes for form in FORMATS if form.name == dataset.format)


def _turned_over(cameras: Camera) -> bool:
    """Whether axes, turned over, meet in front of most cameras, and as they are meet behind them."""
    if point_looked_at(cameras) is not None or len(cameras) < _FEWEST_TO_JUDGE:
        return False
    over = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    return point_looked_at(Camera(cameras.c2w @ over, cameras.K, cameras.width, cameras.height)) is not None


def _far_off(origins: Tensor) -> Tensor:
    distances = torch.linalg.vector_norm(origins - origins.median(0).values, dim=-1)
    return distances > _FAR_OFF * distances.median().clamp_min(1e-9)


def _look(image: Tensor) -> tuple[float, float]:
    """Sharpness and mean brightness of a picture (height, width, 3 or 4)."""
    grey = image[..., :3].float().mean(-1)
    return sharpness(grey), float(grey.mean())


def _not_rotations(cameras: Camera) -> Tensor:
    rotations = cameras.c2w[:, :3, :3]
    skew = (rotations.mT @ rotations - torch.eye(3)).abs().amax((-2, -1))
    return (skew > _NOT_A_ROTATION) | (torch.linalg.det(rotations) < 0.0)


def _of_the_cameras(n: int, views: Views) -> str:
    return f"{n} of the {len(views)} training cameras"
