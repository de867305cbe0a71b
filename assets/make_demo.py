"""Make the demo dataset: the toy orrery of `demo_orrery.py`, ray-traced exactly from a closed description.

    python assets/make_demo.py [--output DIR] [--size N] [--views N] [--force]

Pixels come from sphere tracing the union of exact distances (J. C. Hart, "Sphere tracing", 1996) with `SUBSAMPLES`
squared rays per pixel. One key light with soft shadows, ambient occlusion, and highlights that move with the view; no
randomness, so the same call gives the same files. A view takes about 1.3 s on one core.

Output, in the format of NeRF-synthetic: `transforms_train.json` and `train/r_*.png`, spread over the upper hemisphere
and a little below; `transforms_test.json` and `test/r_*.png`, on a spiral between them. PNGs are RGBA, sRGB, straight
alpha, 0 in empty pixels. `test/r_*_depth.png` (16 bit) is t of the ray through the pixel's centre divided by
`depth_scale`, 0 in empty pixels. `depth_scale` and `aabb` stand at the root of both JSON files.

Conventions. Poses are c2w in OpenGL axes (+x right, +y up, -z forward), z is up in the world, pixel centres lie at
+0.5, t is distance along unit rays. Points and directions are `(3, n)`; tracing is float32, exact to about 1e-5.
Colours are linear light until `to_srgb`.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from demo_orrery import AABB, Part, mix, orrery, smoothstep, unit
from PIL import Image

CAMERA_ANGLE_X = 0.6911112070083618  # the field of view of the NeRF-synthetic scenes
CAMERA_RADIUS = 3.8
NEAR, FAR = CAMERA_RADIUS - 1.4, CAMERA_RADIUS + 1.4  # t between which the scene lies: within 1.4 of the origin
DEPTH_SCALE = 1e-4

SUBSAMPLES = 4  # per side of a pixel
SURFACE = 2e-6  # radius per t of a ray: a ray this close to a surface has hit it
TILE = 16  # pixels per side: a tile meets few parts, and its arrays stay in a CPU's cache
CHUNK = 2048  # points whose light is found at a time, for the same reason

TO_KEY = unit(np.array([[0.48], [-0.36], [0.80]], np.float32))
TO_WINDOW = unit(np.array([[-0.70], [0.45], [0.55]], np.float32))
KEY, WINDOW, SKY, GROUND = (
    np.array(color, np.float32)[:, None]
    for color in ((1.30, 1.20, 1.04), (0.20, 0.23, 0.28), (0.34, 0.39, 0.50), (0.16, 0.12, 0.10))
)
KEY_RADIUS = 0.055  # of the key light, in radians: it sets the width of penumbras
SHADOW_STEPS, SHADOW_STRIDES = 56, (0.008, 0.12)  # steps towards the key light, shortest and longest
OCCLUSION, OCCLUSION_HEIGHTS = 2.2, (0.015, 0.04, 0.09, 0.16, 0.26)  # strength; distances above the surface


class Scene(NamedTuple):
    """Parts as arrays, so that one expression gives the distances to all of them."""

    frames: np.ndarray  # (n_parts, 3, 3) rows: each part's x, y and axis
    origins: np.ndarray  # (n_parts, 3, 1)
    profiles: np.ndarray  # (4, n_parts, 1) the fields of Profile


class Shot(NamedTuple):
    """A picture to take."""

    parts: list[Part]
    c2w: np.ndarray  # (4, 4)
    time: float | None = None  # 0 to 1; None where nothing moves


class Hits(NamedTuple):
    """Where the subsamples of a picture meet the scene; arrays over the n that do."""

    pixels: np.ndarray  # (n,) row-major
    parts: np.ndarray  # (n,) index of the part that was met
    points: np.ndarray  # (3, n)
    dirs: np.ndarray  # (3, n) unit directions of the rays


def assemble(parts: list[Part]) -> Scene:
    fields = [p.frame for p in parts], [p.origin[:, None] for p in parts], np.transpose([p.profile for p in parts])
    frames, origins, profiles = (np.array(field, np.float32) for field in fields)
    return Scene(frames, origins, profiles[..., None])


def distances(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Signed distances of (3, n) points to every part, (n_parts, n), negative inside.

    Exact for a rounded box in (r, z) turned about the axis: I. Quilez, iquilezles.org, "2D distance functions"
    (sdRoundedBox) and "distance functions" (opRevolution).
    """
    local = (scene.frames.reshape(-1, 3) @ points).reshape(len(scene.frames), 3, -1) - scene.frames @ scene.origins
    ring, half_width, half_height, rounding = scene.profiles
    radius = np.sqrt(local[:, 0] ** 2 + local[:, 1] ** 2)
    width, height = np.abs(radius - ring) - half_width, np.abs(local[:, 2]) - half_height
    outside = np.sqrt(np.maximum(width, 0) ** 2 + np.maximum(height, 0) ** 2)
    return outside + np.minimum(np.maximum(width, height), 0) - rounding


def local_normals(part: Part, local: np.ndarray) -> np.ndarray:
    """Outward unit normals (3, n) of points on a part, in its frame: from the nearest point of the rectangle."""
    ring, half_width, half_height, _ = part.profile
    radius = np.maximum(np.hypot(local[0], local[1]), 1e-9)
    across, along = radius - ring, local[2]
    across, along = across - np.clip(across, -half_width, half_width), along - np.clip(along, -half_height, half_height)
    return unit(np.stack([across * local[0] / radius, across * local[1] / radius, along]))


def parts_near(scene: Scene, origin: np.ndarray, dirs: np.ndarray) -> np.ndarray:
    """Indices of the parts whose slightly enlarged bounding spheres any of these (3, n) rays from one point hits."""
    ring, half_width, half_height, rounding = scene.profiles[..., 0]
    reach = 1.02 * (np.hypot(ring + half_width, half_height) + rounding) + 0.02
    to_parts = scene.origins[..., 0] - origin
    gap_squared = (to_parts**2).sum(1)[:, None] - (to_parts @ dirs) ** 2
    return np.flatnonzero((gap_squared < reach[:, None] ** 2).any(1))


def march(scene: Scene, origin: np.ndarray, dirs: np.ndarray, t: np.ndarray, radius: float) -> np.ndarray:
    """Where cones along (3, n) directions, of this `radius` per unit of t, first touch the scene; inf if never.

    The walk starts at `t` (n,) and never oversteps: no point nearer than the answer touches a part.
    """
    touched = np.full(t.shape, np.inf, np.float32)
    active = np.arange(len(t))
    while len(active):
        gap = distances(scene, origin[:, None] + t * dirs).min(0)
        hit = gap < 2 * radius * t
        touched[active[hit]] = t[hit]
        t = t + gap - radius * t
        going = ~hit & (t < FAR)
        active, t, dirs = active[going], t[going], dirs[:, going]
    return touched


def camera_dirs(c2w: np.ndarray, size: int, subsamples: int, angle: float = CAMERA_ANGLE_X) -> np.ndarray:
    """Unit directions (size * size, 3, subsamples ** 2) of a square picture `angle` wide, pixels row by row."""
    grid = ((np.arange(size * subsamples) + 0.5) / subsamples).reshape(size, subsamples)
    y, x = np.broadcast_arrays(grid[:, None, :, None], grid[None, :, None, :])
    focal = 0.5 * size / math.tan(0.5 * angle)
    dirs = np.stack([x - size / 2, size / 2 - y, np.full(x.shape, -focal)], axis=2).reshape(size * size, 3, -1)
    return (c2w[:3, :3] @ dirs / np.linalg.norm(dirs, axis=1, keepdims=True)).astype(np.float32)


def trace(
    scene: Scene, c2w: np.ndarray, size: int, subsamples: int, angle: float = CAMERA_ANGLE_X
) -> tuple[np.ndarray, Hits]:
    """t of every subsample (size * size, subsamples ** 2), inf where it hits nothing, and the hits among them."""
    origin, dirs = c2w[:3, 3].astype(np.float32), camera_dirs(c2w, size, subsamples, angle)
    centres = camera_dirs(c2w, size, 1, angle)[..., 0].T
    pixel_radius = math.sqrt(2) * math.tan(0.5 * angle) / size
    t = np.full((size * size, subsamples**2), np.inf, np.float32)
    parts = np.zeros(t.shape, np.int64)
    grid = np.arange(size * size).reshape(size, size)
    for row in range(0, size, TILE):
        for column in range(0, size, TILE):
            pixels = grid[row : row + TILE, column : column + TILE].ravel()
            near = parts_near(scene, origin, centres[:, pixels])
            if not near.size:
                continue
            local = Scene(scene.frames[near], scene.origins[near], scene.profiles[:, near])
            start = march(local, origin, centres[:, pixels], np.full(len(pixels), NEAR, np.float32), pixel_radius)
            pixels, start = pixels[np.isfinite(start)], start[np.isfinite(start)]
            rays = dirs[pixels].transpose(1, 0, 2)
            ends = march(local, origin, rays.reshape(3, -1), np.repeat(start, subsamples**2), SURFACE)
            t[pixels] = ends.reshape(-1, subsamples**2)
            points = origin[:, None] + np.where(np.isfinite(ends), ends, FAR) * rays.reshape(3, -1)
            parts[pixels] = near[distances(local, points).argmin(0)].reshape(-1, subsamples**2)
    hit = np.nonzero(np.isfinite(t))
    hit_dirs = dirs.transpose(1, 0, 2)[:, *hit]
    return t, Hits(hit[0], parts[hit], origin[:, None] + t[hit] * hit_dirs, hit_dirs)


def visibility(scene: Scene, points: np.ndarray, normals: np.ndarray, to_key: np.ndarray = TO_KEY) -> np.ndarray:
    """Shares of the key light and of the sky that reach points: (2, n).

    I. Quilez, iquilezles.org: "soft shadows in raymarched SDFs" (the variant that looks inside the occluder, so that
    a thin rod dims a wide light only a little) and the ambient occlusion of "raymarching - primitives".
    """
    start = points + SHADOW_STRIDES[0] * normals
    t, clearance = np.full(points.shape[1], SHADOW_STRIDES[0], np.float32), np.ones(points.shape[1], np.float32)
    for _ in range(SHADOW_STEPS):
        gap = distances(scene, start + t * to_key).min(0)
        clearance = np.minimum(clearance, gap / (KEY_RADIUS * t))
        t = t + np.clip(gap, *SHADOW_STRIDES)
    clearance = np.maximum(clearance, -1)
    blocked = sum(
        0.6**i * (height - distances(scene, points + height * normals).min(0))
        for i, height in enumerate(OCCLUSION_HEIGHTS)
    )
    return np.stack([0.25 * (1 + clearance) ** 2 * (2 - clearance), np.exp(-OCCLUSION * np.maximum(blocked, 0))])


def shared_visibility(scene: Scene, hits: Hits, normals: np.ndarray, to_key: np.ndarray) -> np.ndarray:
    """`visibility` at hits, (2, n). It varies slowly: found once per pixel and part, at their mean point."""
    _, group, counts = np.unique(hits.pixels * len(scene.frames) + hits.parts, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(group, row) for row in (*hits.points, *normals)]).astype(np.float32) / counts
    chunks = np.array_split(means.astype(np.float32), range(CHUNK, len(counts), CHUNK), axis=1)
    return np.concatenate([visibility(scene, chunk[:3], unit(chunk[3:]), to_key) for chunk in chunks], axis=1)[:, group]


def shade(albedo, normals, dirs, light, finish, to_key=TO_KEY) -> np.ndarray:
    """Radiance (3, n) towards the camera, from (3, n) arrays, (2, n) `visibility` and (4, n) fields of Finish.

    Lambert's law, and reflections of sky, key light and window as spherical Gaussians (J. Wang et al., "All-frequency
    rendering of dynamic, spatially-varying reflectance", 2009) under Schlick's Fresnel term (1994).
    """
    (key, sky), (reflectance, sharpness, rim, diffuse) = light, finish
    facing = -(normals * dirs).sum(0)
    mirror = dirs + 2 * facing * normals
    tint = np.where(diffuse < 1, albedo, 1)
    fresnel = reflectance * tint + rim * (1 - reflectance) * np.clip(1 - facing, 0, 1) ** 5
    key_lobe = np.exp(sharpness * ((mirror * to_key).sum(0) - 1)) * sharpness / 5
    window_lobe = np.exp(0.5 * sharpness * ((mirror * TO_WINDOW).sum(0) - 1)) * sharpness / 5
    surroundings = mix(GROUND, 1.8 * SKY, smoothstep(-0.5, 0.6, mirror[2]))
    reflected = fresnel * (sky * (surroundings + WINDOW * window_lobe) + key * KEY * key_lobe)
    scattered = key * KEY * np.maximum((normals * to_key).sum(0), 0)
    scattered += sky * (mix(GROUND, SKY, 0.5 + 0.5 * normals[2]) + WINDOW * np.maximum((normals * TO_WINDOW).sum(0), 0))
    return reflected + diffuse * albedo * scattered


def to_srgb(color: np.ndarray) -> np.ndarray:
    return np.where(color <= 0.0031308, 12.92 * color, 1.055 * np.maximum(color, 1e-9) ** (1 / 2.4) - 0.055)


def radiance_of(parts: list[Part], scene: Scene, hits: Hits, to_key: np.ndarray = TO_KEY) -> np.ndarray:
    """Radiance (3, n) of hits towards the camera; a shoulder keeps highlights below 1 before they are averaged."""
    albedo, normals = np.empty(hits.points.shape), np.empty(hits.points.shape)
    for i, part in enumerate(parts):
        mine = hits.parts == i
        local = part.frame @ (hits.points[:, mine] - part.origin[:, None])
        albedo[:, mine], normals[:, mine] = part.paint(local), part.frame.T @ local_normals(part, local)
    finish = np.transpose([part.finish for part in parts])[:, hits.parts]
    light = shared_visibility(scene, hits, normals, to_key)
    radiance = shade(albedo, normals, hits.dirs, light, finish, to_key)
    return radiance / (1 + radiance**4) ** 0.25


def render(parts: list[Part], c2w: np.ndarray, size: int, subsamples: int = SUBSAMPLES) -> np.ndarray:
    """The picture as (size, size, 4) uint8: sRGB with straight alpha."""
    scene = assemble(parts)
    _, hits = trace(scene, c2w, size, subsamples)
    radiance = radiance_of(parts, scene, hits)
    counts = np.bincount(hits.pixels, minlength=size * size)
    color = np.stack([np.bincount(hits.pixels, row, size * size) for row in radiance]) / np.maximum(counts, 1)
    rgba = np.stack([*to_srgb(color), counts / subsamples**2], axis=1)
    return np.round(255 * rgba).astype(np.uint8).reshape(size, size, 4)


def render_depth(parts: list[Part], c2w: np.ndarray, size: int) -> np.ndarray:
    """(size, size) uint16: t of the pixel centres' rays in units of DEPTH_SCALE, 0 in empty pixels."""
    t, _ = trace(assemble(parts), c2w, size, 1)
    return np.round(np.where(np.isfinite(t), t, 0) / DEPTH_SCALE).astype(np.uint16).reshape(size, size)


def look_at_origin(turns: float, height: float) -> np.ndarray:
    """c2w of a camera on the sphere of CAMERA_RADIUS, `turns` about z, at the sine `height` of its elevation."""
    angle, flat = 2 * math.pi * turns, math.sqrt(1 - height**2)
    right = np.array([-math.sin(angle), math.cos(angle), 0.0])
    back = np.array([flat * math.cos(angle), flat * math.sin(angle), height])
    c2w = np.eye(4)
    c2w[:3] = np.stack([right, np.cross(back, right), back, CAMERA_RADIUS * back], axis=1)
    return c2w


def train_poses(n: int) -> list[np.ndarray]:
    """A Fibonacci spiral: even in area from 12 degrees below the horizon to the zenith."""
    golden, low = (math.sqrt(5) - 1) / 2, math.sin(math.radians(-12))
    return [look_at_origin(i * golden % 1, low + (1 - low) * (i + 0.5) / n) for i in range(n)]


def test_poses(n: int) -> list[np.ndarray]:
    """Two turns that climb from the horizon to 65 degrees."""
    return [look_at_origin(2 * i / n, math.sin(math.radians(65 * i / max(n - 1, 1)))) for i in range(n)]


def write_split(output: Path, split: str, shots: list[Shot], size: int, header: dict, depths: bool) -> None:
    """Pictures first, then the JSON that names them: a dataset without JSON was interrupted."""
    folder, frames = output / split, []
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("r_*.png"):
        old.unlink()
    for i, (parts, c2w, time) in enumerate(shots):
        print(f"\r{split}: {i + 1} of {len(shots)}", end="", flush=True)
        Image.fromarray(render(parts, c2w, size)).save(folder / f"r_{i}.png", optimize=True)
        if depths:
            Image.fromarray(render_depth(parts, c2w, size)).save(folder / f"r_{i}_depth.png", optimize=True)
        moment = {} if time is None else {"time": time}
        frames.append({"file_path": f"./{split}/r_{i}", **moment, "transform_matrix": c2w.tolist()})
    print()
    document = {"camera_angle_x": CAMERA_ANGLE_X, **header, "frames": frames}
    (output / f"transforms_{split}.json").write_text(json.dumps(document, indent=1) + "\n")


def read_options(arguments: list[str] | None, folder: Path, size: int, views: int) -> argparse.Namespace | None:
    """The command line of a dataset; None after a mistake, which is printed in one line.

    Args:
        folder, size, views: the defaults of --output, --size and --views.
    """
    parser = argparse.ArgumentParser(description="Ray-trace a demo dataset.")
    parser.add_argument("--output", type=Path, default=folder, help="folder to write")
    parser.add_argument("--size", type=int, default=size, help="pixels per side")
    parser.add_argument("--views", type=int, default=views, help="training views, and test views in proportion")
    parser.add_argument("--force", action="store_true", help="replace what --output already holds")
    options = parser.parse_args(arguments)
    script = Path(sys.argv[0]).stem
    if options.output.exists() and not options.force:
        print(f"{script}: {options.output} exists already; choose another --output or add --force", file=sys.stderr)
        return None
    if options.size < 1 or options.views < 1:
        print(f"{script}: --size and --views must be at least 1", file=sys.stderr)
        return None
    return options


def make(
    arguments: list[str] | None,
    folder: Path,
    shots: tuple[Callable[[int], list[Shot]], Callable[[int], list[Shot]]],
    aabb: tuple,
    size: int,
    views: int,
    test_views: int,
    depths: bool,
) -> int:
    """Run the command line of a dataset and return the exit code.

    Args:
        folder, size, views: see `read_options`.
        shots: two functions from a number to that many training and test views.
        test_views: for `views` training views; another --views changes both in proportion.
        depths: whether depth maps of the test views are written too.
    """
    options = read_options(arguments, folder, size, views)
    if options is None:
        return 2
    header = {"aabb": aabb} | ({"depth_scale": DEPTH_SCALE} if depths else {})
    n_test = max(options.views * test_views // views, 1)
    write_split(options.output, "train", shots[0](options.views), options.size, header, False)
    write_split(options.output, "test", shots[1](n_test), options.size, header, depths)
    return 0


def main(arguments: list[str] | None = None) -> int:
    def still(poses: Callable[[int], list[np.ndarray]]) -> Callable[[int], list[Shot]]:
        return lambda n: [Shot(orrery(), c2w) for c2w in poses(n)]

    folder, shots = Path(__file__).parent / "demo", (still(train_poses), still(test_poses))
    return make(arguments, folder, shots, AABB, size=256, views=100, test_views=20, depths=True)


if __name__ == "__main__":
    sys.exit(main())
