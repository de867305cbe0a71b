"""A ball coloured by its normals, rendered in closed form, as views in memory or as a dataset on disk."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core.datasets.dataset import Views
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from core.kernels.camera_rays import generate_rays

CENTRE = (0.2, -0.1, 0.3)
RADIUS = 0.5
DISTANCE = 3.0
ANGLE = 0.6
"""Field of view in radians, the same in both directions: the images are square."""


def ball_views(n: int, size: int, seed: int = 0, centre=CENTRE, radius: float = RADIUS) -> Views:
    """n views (size x size, RGBA) from random directions all around, each aimed close to the ball's centre."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    targets = torch.tensor(centre) + 0.05 * torch.randn(n, 3, generator=generator)
    poses = [look_at(target + DISTANCE * d, target) for target, d in zip(targets, directions, strict=True)]
    cameras = Camera(torch.stack(poses), pinhole_matrix(ANGLE, size, size).repeat(n, 1, 1), size, size)
    images = torch.stack([_picture(cameras[index], centre, radius) for index in range(n)])
    return Views(cameras, images, tuple(f"./train/r_{index}" for index in range(n)))


def mixed_ball_views(n: int, sizes=((24, 24), (36, 20), (16, 28)), seed: int = 0) -> Views:
    """Like `ball_views`, but images cycle through these sizes (width, height), with the same vertical field of view."""
    square = ball_views(n, 8, seed)
    own = [sizes[index % len(sizes)] for index in range(n)]
    K = torch.stack([pinhole_matrix(ANGLE, *size) for size in own])
    largest = (max(sides) for sides in zip(*own, strict=True))
    cameras = Camera(square.cameras.c2w, K, *largest, sizes=torch.tensor(own))
    images = torch.cat([_picture(cameras[index], CENTRE, RADIUS).view(-1, 4) for index in range(n)])
    return Views(cameras, images, square.names)


def _picture(camera: Camera, centre, radius: float) -> torch.Tensor:
    rays = generate_rays(camera)
    offsets = rays.rays_o - torch.tensor(centre)
    half_b = (offsets * rays.rays_d).sum(-1)
    discriminant = half_b**2 - (offsets**2).sum(-1) + radius**2
    t = -half_b - discriminant.clamp_min(0.0).sqrt()
    normals = (offsets + t[:, None] * rays.rays_d) / radius
    rgba = torch.cat([0.5 + 0.5 * normals, torch.ones_like(t)[:, None]], dim=-1)
    rgba = torch.where(discriminant[:, None] > 0.0, rgba, torch.zeros(()))
    return (rgba * 255.0).round().clamp(0, 255).to(torch.uint8).view(camera.height, camera.width, 4)


def write_ball(folder: Path, size: int = 24, **n_views: int) -> Path:
    """The ball as a Blender dataset.

    Args:
        n_views: views per split, such as train=8, test=3.
    """
    for seed, (split, n) in enumerate(n_views.items()):
        views = ball_views(n, size, seed)
        frames = []
        (folder / split).mkdir(parents=True)
        for index in range(n):
            Image.fromarray(np.asarray(views.images[index])).save(folder / split / f"r_{index}.png")
            matrix = views.cameras.c2w[index].tolist()
            frames.append({"file_path": f"./{split}/r_{index}", "rotation": 0.1, "transform_matrix": matrix})
        write_transforms(folder, split, {"camera_angle_x": ANGLE, "frames": frames})
    return folder


def read_written(folder: Path, split: str = "train") -> dict:
    return json.loads((folder / f"transforms_{split}.json").read_text())


def write_transforms(folder: Path, split: str, transforms: dict) -> None:
    (folder / f"transforms_{split}.json").write_text(json.dumps(transforms, indent=1))


def write_times(folder: Path, split: str, times: list) -> None:
    """Write a time into each frame of a split."""
    transforms = read_written(folder, split)
    for frame, time in zip(transforms["frames"], times, strict=True):
        frame["time"] = time
    write_transforms(folder, split, transforms)


def focal(size: int) -> float:
    return 0.5 * size / math.tan(0.5 * ANGLE)
