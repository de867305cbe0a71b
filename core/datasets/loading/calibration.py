"""The cameras of shots: checks that intrinsics and lenses are plausible and fit the pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.datasets.loading.image_file import Header, same_shape
from core.datasets.loading.shots import Shot
from core.errors import DatasetError
from core.geometry.cameras import Camera, image_points, rays_through
from core.geometry.lenses import Lens

_MOST_PIXELS = 1e6
"""Longer sides of a picture are taken for a mistake."""

_FOCAL_RANGE = (1e-2, 1e3)
"""Plausible focal lengths, relative to the picture's longer side: from beyond a fisheye's to a telescope's."""

_LENS_TOLERANCE = 0.05


def check_intrinsics(shots: Sequence[Shot], headers: Sequence[Header], named_by: Path) -> None:
    """Raise DatasetError where intrinsics are implausible, or are for pictures of another shape.

    Args:
        named_by: the file that lists them, for messages.
    """
    for shot, header in zip(shots, headers, strict=True):
        _check_intrinsics(shot, named_by)
        _check_aspect(shot, header.size, named_by)


def build_cameras(shots: Sequence[Shot], headers: Sequence[Header], named_by: Path, downscale: int) -> Camera:
    """The cameras of shots whose pictures are reduced by a factor.

    Raises:
        DatasetError: a lens distortion can't be inverted, or there are several kinds of lenses.
    """
    sizes = [(header.width // downscale, header.height // downscale) for header in headers]
    # The principal point is relative to the whole picture, even where the reduction cuts off its last columns.
    scales = [
        np.array([header.width / shot.size[0], header.height / shot.size[1], 1.0])[:, None]
        for shot, header in zip(shots, headers, strict=True)
    ]
    K = torch.from_numpy(np.stack([shot.K * scale for shot, scale in zip(shots, scales, strict=True)])).float()
    K[:, :2] /= downscale
    c2w = torch.from_numpy(np.stack([shot.c2w for shot in shots]))
    width, height = (max(sides) for sides in zip(*sizes, strict=True))
    several = torch.tensor(sizes) if len(set(sizes)) > 1 else None
    cameras = Camera(c2w, K, width, height, _lens_of(shots, named_by), several, _times_of(shots))
    _check_lens(cameras, shots, named_by)
    return cameras


def _check_intrinsics(shot: Shot, named_by: Path) -> None:
    where, longer = f"{named_by} ({shot.name})", max(shot.size)
    if not all(1.0 <= side <= _MOST_PIXELS for side in shot.size):
        raise DatasetError(
            f"{where}: expected a picture's width and height, found {shot.size[0]:g} and {shot.size[1]:g}: correct them"
        )
    focal = shot.K[[0, 1], [0, 1]]
    if not all(_FOCAL_RANGE[0] <= length / longer <= _FOCAL_RANGE[1] for length in focal):
        raise DatasetError(
            f"{where}: expected focal lengths in pixels for a picture of {shot.size[0]:g}x{shot.size[1]:g}, "
            f"found {focal[0]:g} and {focal[1]:g}: correct them"
        )
    centre = shot.K[:2, 2]
    if not (np.abs(centre) <= 10.0 * longer).all():
        raise DatasetError(
            f"{where}: expected the optical axis near the picture of {shot.size[0]:g}x{shot.size[1]:g}, "
            f"found it at {centre[0]:g}, {centre[1]:g}: correct cx and cy"
        )


def _check_aspect(shot: Shot, size: tuple[int, int], named_by: Path) -> None:
    """A picture may have been reduced since its intrinsics were written, but not cropped or rotated."""
    if not same_shape(size, shot.size):
        raise DatasetError(
            f"{shot.path} is {size[0]}x{size[1]}: {named_by} has intrinsics for {shot.size[0]:g}x{shot.size[1]:g}, "
            "which is another shape; is the picture cut or turned? Restore it or correct the intrinsics"
        )


def _lens_of(shots: Sequence[Shot], named_by: Path) -> Lens | None:
    kinds = {shot.fisheye for shot in shots}
    if len(kinds) > 1:
        raise DatasetError(
            f"{named_by}: expected pictures of one kind of lens, found fisheye and other ones: open them apart"
        )
    distortion = torch.tensor([shot.distortion for shot in shots])
    fisheye = kinds == {True}
    return Lens(distortion, fisheye) if fisheye or bool(distortion.any()) else None


def _times_of(shots: Sequence[Shot]) -> Tensor | None:
    """The times of shots, (n,) float32, if all of them have one."""
    times = [shot.time for shot in shots]
    return torch.tensor(times, dtype=torch.float32) if times and None not in times else None


def _check_lens(cameras: Camera, shots: Sequence[Shot], named_by: Path) -> None:
    """Raise DatasetError if a lens formula folds the picture over. From the optical axis to the border of each picture,
    the angle to the axis must grow, and projecting the ray must return to the same point."""
    if cameras.lens is None:
        return
    along = torch.linspace(0.0, 1.0, 33, dtype=torch.float64)[1:, None]
    alike = set()
    for index, shot in enumerate(shots):
        camera = cameras[index].to(torch.float64)
        kind = shot.distortion, shot.K.tobytes(), camera.width, camera.height
        if kind in alike:
            continue
        alike.add(kind)  # most datasets have one camera for all shots, and each check takes milliseconds
        right, low = float(camera.width), float(camera.height)
        border = torch.tensor(
            [[x, y] for x in (0.0, 0.5 * right, right) for y in (0.0, 0.5 * low, low)], dtype=torch.float64
        )
        centre = camera.K[:2, 2]
        points = centre + along[:, None] * (border - centre)  # (32, 9, 2)
        rays_d = rays_through(camera, *points.reshape(-1, 2).T).rays_d
        back = torch.stack(image_points(camera, rays_d), dim=-1).view_as(points)
        angles = torch.arccos((rays_d @ -camera.c2w[:3, 2]).clamp(-1.0, 1.0)).view(points.shape[:2])
        outside = (border - centre).norm(dim=-1) > 1.0
        sound = (back - points).abs().amax(-1) < _LENS_TOLERANCE
        if not (bool(sound[:, outside].all()) and bool((angles.diff(dim=0) > 0.0)[:, outside].all())):
            raise DatasetError(
                f"{named_by} ({shot.name}): expected a lens distortion that can be undone, found one that folds the "
                f"picture ({', '.join(f'{x:g}' for x in shot.distortion)}): correct its coefficients"
            )
