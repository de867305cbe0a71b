"""Makes photos of a room that all face one way: a desk before a wall, as COLMAP's form has it.

    python -m tests.benchmarks.desk FOLDER

Real photos of a room are harder than a demo: walls with hardly any texture, glossy things, an exposure that changes
from photo to photo, and poses that are slightly wrong. These have all of it, so their grids fill with fog as those of
real photos do. Units are metres; z is up, and the cameras look along +y.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from core.datasets.dataset import Views
from core.errors import FirstlightError
from core.files import new_folder
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from core.kernels.camera_rays import generate_rays
from core.process import configure
from tests.photos import write_colmap

N_VIEWS, WIDTH, HEIGHT, ANGLE = 29, 400, 300, 1.0
SUBSAMPLES = 2
"""Rays per side of a pixel."""

EXPOSURE, POSE_ERROR, N_POINTS = 0.03, 0.0015, 1500
"""The spread of the photos' brightness, of their recorded positions in metres, and how many points COLMAP found."""

LIGHT = torch.nn.functional.normalize(torch.tensor([-0.5, -0.6, 0.9]), dim=0)


class Thing(NamedTuple):
    """A box or an ellipsoid with a pattern of waves."""

    center: tuple[float, float, float]
    halves: tuple[float, float, float]
    color: tuple[float, float, float]
    contrast: float  # of the pattern
    waves: float  # per metre
    gloss: float = 0.0
    is_round: bool = False


def things() -> list[Thing]:
    """The room, which surrounds the cameras, and what stands in it."""
    generator = torch.Generator().manual_seed(0)
    books = []
    for shelf in range(3):
        for place in range(12):
            r, g, b, height, wave = torch.rand(5, generator=generator).tolist()
            size = 0.1 + 0.08 * height
            at = -0.75 + 0.13 * place, 1.72, 0.35 + 0.42 * shelf + size
            books.append(
                Thing(at, (0.05, 0.12, size), (0.2 + 0.7 * r, 0.2 + 0.6 * g, 0.2 + 0.6 * b), 0.3, 20 + 60 * wave)
            )
    boards = [Thing((0.0, 1.75, 0.33 + 0.42 * k), (0.9, 0.15, 0.018), (0.55, 0.38, 0.24), 0.2, 24.0) for k in range(3)]
    leaves = [
        Thing((0.85 + 0.1 * x, 0.5 + 0.1 * y, 0.3 + 0.2 * z), (0.09, 0.05, 0.07), (0.2, 0.5, 0.2), 0.4, 40.0, 0.2, True)
        for x, y, z in (2.0 * torch.rand(9, 3, generator=generator) - 1.0).tolist()
    ]
    return [
        Thing((0.0, -0.8, 0.4), (2.6, 2.8, 1.5), (0.78, 0.76, 0.72), 0.03, 1.5),
        Thing((0.0, 0.3, -0.05), (1.2, 0.55, 0.03), (0.62, 0.44, 0.28), 0.25, 16.0, 0.3),
        Thing((0.0, 0.55, 0.33), (0.42, 0.02, 0.26), (0.08, 0.09, 0.12), 0.5, 12.0, 0.6),
        Thing((0.0, 0.6, 0.02), (0.1, 0.05, 0.06), (0.3, 0.3, 0.32), 0.1, 10.0, 0.4),
        Thing((-0.05, 0.1, -0.005), (0.24, 0.08, 0.012), (0.86, 0.86, 0.84), 0.5, 70.0),
        Thing((0.45, 0.05, 0.04), (0.05, 0.05, 0.06), (0.8, 0.2, 0.15), 0.3, 40.0, 0.6, True),
        Thing((-0.7, 0.4, 0.05), (0.2, 0.15, 0.07), (0.25, 0.35, 0.6), 0.4, 30.0),
        Thing((-0.72, 0.4, 0.16), (0.17, 0.13, 0.04), (0.75, 0.55, 0.2), 0.4, 45.0),
        Thing((-0.75, 0.42, 0.36), (0.12, 0.12, 0.15), (0.9, 0.85, 0.7), 0.15, 25.0, 0.5, True),
        Thing((0.85, 0.5, 0.06), (0.13, 0.13, 0.1), (0.7, 0.36, 0.2), 0.2, 20.0, 0.2, True),
        *leaves,
        *boards,
        *books,
    ]


def meet(thing: Thing, is_room: bool, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays meet a thing, (n,), inf where they don't, and the normals there, (n, 3)."""
    center, halves = torch.tensor(thing.center), torch.tensor(thing.halves)
    o, d = (origins - center) / halves, directions / halves
    if thing.is_round:
        a, b, c = (d * d).sum(1), (o * d).sum(1), (o * o).sum(1) - 1.0
        root = b * b - a * c
        t = (-b - root.clamp_min(0.0).sqrt()) / a
        t = torch.where((root > 0.0) & (t > 0.0), t, torch.inf)
        normals = (o + t.nan_to_num(0.0, 0.0)[:, None] * d) / halves
    else:
        ends = torch.stack([(-1.0 - o) / d, (1.0 - o) / d])
        enter, leave = ends.amin(0), ends.amax(0)
        (t, axis), other = enter.max(1), leave.amin(1)
        t = torch.where((t < other) & (t > 0.0), t, torch.inf)
        if is_room:
            t, axis = leave.min(1)
        at = o + t.nan_to_num(0.0, 0.0, 0.0)[:, None] * d
        normals = torch.zeros_like(at).scatter_(1, axis[:, None], at.gather(1, axis[:, None]).sign())
        normals = -normals if is_room else normals
    return t, torch.nn.functional.normalize(normals, dim=1)


def shade(thing: Thing, points: Tensor, normals: Tensor, directions: Tensor) -> Tensor:
    """Colours (n, 3) of a thing's points."""
    q = thing.waves * points
    waves = torch.sin(q + 1.7 * torch.sin(0.6 * q.roll(1, 1))).sum(1) / 3.0 + 0.5 * torch.sin(2.3 * q).prod(1)
    diffuse = 0.35 + 0.65 * (normals @ LIGHT).clamp_min(0.0)
    mirrored = directions - 2.0 * (directions * normals).sum(1, keepdim=True) * normals
    glint = thing.gloss * (mirrored @ LIGHT).clamp_min(0.0) ** 30
    return ((1.0 + thing.contrast * waves) * diffuse)[:, None] * torch.tensor(thing.color) + glint[:, None]


def look(scene: list[Thing], origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """The colours (n, 3), from 0 to 1, and distances (n,) that rays see."""
    nearest = torch.full(origins.shape[:1], torch.inf)
    colors = torch.zeros_like(origins)
    for index, thing in enumerate(scene):
        t, normals = meet(thing, index == 0, origins, directions)
        ahead = (t < nearest).nonzero().view(-1)
        nearest[ahead], d = t[ahead], directions[ahead]
        colors[ahead] = shade(thing, origins[ahead] + t[ahead, None] * d, normals[ahead], d)
    return colors.clamp(0.0, 1.0), nearest


def cameras(generator: torch.Generator) -> Camera:
    """Held by hand before the desk, all facing it."""
    places = torch.rand(N_VIEWS, 3, generator=generator) * torch.tensor([1.1, 0.4, 0.5])
    eyes = places + torch.tensor([-0.55, -1.9, 0.25])
    aims = 0.3 * torch.randn(N_VIEWS, 3, generator=generator) * torch.tensor([1.0, 0.2, 0.5])
    aims = aims + 0.6 * eyes * torch.tensor([1.0, 0.0, 0.0]) + torch.tensor([0.0, 0.9, 0.25])
    c2w = torch.stack([look_at(e, a) for e, a in zip(eyes.tolist(), aims.tolist(), strict=True)])
    return Camera(c2w, pinhole_matrix(ANGLE, WIDTH, HEIGHT).expand(N_VIEWS, 3, 3), WIDTH, HEIGHT)


def make_photos(folder: Path) -> None:
    """Write the photos and the COLMAP model into a folder that has neither."""
    generator = torch.Generator().manual_seed(1)
    held, scene = cameras(generator), things()
    pictures, points = [], []
    for index in range(N_VIEWS):
        rays = generate_rays(held[index].resized(SUBSAMPLES * WIDTH, SUBSAMPLES * HEIGHT))
        colors, t = look(scene, rays.rays_o, rays.rays_d)
        picture = torch.nn.functional.avg_pool2d(colors.view(SUBSAMPLES * HEIGHT, -1, 3).permute(2, 0, 1), SUBSAMPLES)
        exposure = 1.0 + EXPOSURE * torch.randn((), generator=generator)
        pictures.append((255.0 * exposure * picture.permute(1, 2, 0)).round().clamp(0, 255).byte())
        some = torch.randint(len(t), (N_POINTS // N_VIEWS,), generator=generator)
        points.append(rays.rays_o[some] + t[some, None] * rays.rays_d[some])
        print(f"\r{index + 1} of {N_VIEWS} photos", end="", flush=True)
    c2w = held.c2w.clone()
    c2w[:, :3, 3] += POSE_ERROR * torch.randn(N_VIEWS, 3, generator=generator)
    names = tuple(f"{index:03d}" for index in range(N_VIEWS))
    write_colmap(folder, Views(replace(held, c2w=c2w), torch.stack(pictures), names), points=torch.cat(points).numpy())
    print()


def main() -> None:
    configure()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="a folder that is absent or empty")
    try:
        make_photos(new_folder(parser.parse_args().folder))
    except FirstlightError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
