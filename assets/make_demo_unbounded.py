"""Make the unbounded demo dataset: the still life and the valley of `demo_valley.py`, ray-traced.

    python assets/make_demo_unbounded.py [--output DIR] [--size N] [--views N] [--force]

The table is traced as `make_demo.py` traces the orrery, all around it has closed forms. Every pixel is opaque.

Output, in nerfstudio's format: `images/*.jpg`, and `transforms.json` with the lists of the training and test views. It
names no bounds, as real photos do; `aabb_scale` is for other programs. Cameras stand around the table and look at it,
from just above the meadow to 50 degrees: most pictures show the horizon. Conventions are those of `make_demo.py`.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from demo_valley import TO_SUN, background, still_life
from make_demo import assemble, camera_dirs, look_at_origin, radiance_of, read_options, to_srgb, trace, visibility
from PIL import Image

ANGLE = math.radians(54)  # field of view
SUBSAMPLES = 3  # per side of a pixel
LOW, HIGH = math.sin(math.radians(4)), math.sin(math.radians(50))  # sines of the cameras' elevations
REACH = 5.5  # the table's shadow ends within this distance of the origin
QUALITY = 92
AABB_SCALE = 16


def render(c2w: np.ndarray, size: int, subsamples: int = SUBSAMPLES) -> np.ndarray:
    """The picture as (size, size, 3) uint8: sRGB."""
    parts = still_life()
    scene = assemble(parts)
    t, hits = trace(scene, c2w, size, subsamples, ANGLE)
    color = np.empty((3, *t.shape))
    color[:, np.isfinite(t)] = radiance_of(parts, scene, hits, TO_SUN.astype(np.float32))
    around = ~np.isfinite(t)
    dirs = camera_dirs(c2w, size, subsamples, ANGLE).transpose(1, 0, 2)[:, around].astype(np.float64)
    color[:, around] = np.minimum(background(c2w[:3, 3], dirs, lambda points: table_shadow(scene, points)), 1.0)
    return np.round(255 * to_srgb(color.mean(2).T)).clip(0, 255).astype(np.uint8).reshape(size, size, 3)


def table_shadow(scene, points: np.ndarray) -> np.ndarray:
    """The share of light (n,), from sun and sky, that the table lets through to points (3, n) of the meadow."""
    light = np.ones(points.shape[1])
    near = np.flatnonzero(np.hypot(points[0], points[1]) < REACH)
    up = np.broadcast_to(np.float32([[0], [0], [1]]), (3, len(near)))
    for chunk in np.array_split(np.arange(len(near)), max(1, len(near) // 2048)):
        key, sky = visibility(scene, points[:, near[chunk]].astype(np.float32), up[:, chunk], TO_SUN.astype(np.float32))
        light[near[chunk]] = key * sky
    return light


def train_poses(n: int) -> list[np.ndarray]:
    """A Fibonacci spiral over a belt of a sphere."""
    golden = (math.sqrt(5) - 1) / 2
    return [look_at_origin(i * golden % 1, LOW + (HIGH - LOW) * (i + 0.5) / n) for i in range(n)]


def test_poses(n: int) -> list[np.ndarray]:
    """Two turns that climb through the belt."""
    return [look_at_origin(2 * (i + 0.25) / n, LOW + (HIGH - LOW) * (0.1 + 0.8 * i / n)) for i in range(n)]


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments, Path(__file__).parent / "demo_unbounded", size=176, views=100)
    if options is None:
        return 2
    splits = {"train": train_poses(options.views), "test": test_poses(max(options.views * 16 // 100, 1))}
    frames, folder = [], options.output / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits:
        for old in folder.glob(f"{split}_???.jpg"):
            old.unlink()
    for split, poses in splits.items():
        for i, c2w in enumerate(poses):
            print(f"\r{split}: {i + 1} of {len(poses)}", end="", flush=True)
            name = f"images/{split}_{i:03d}.jpg"
            Image.fromarray(render(c2w, options.size)).save(options.output / name, quality=QUALITY, subsampling=0)
            frames.append({"file_path": name, "transform_matrix": c2w.tolist()})
        print()
    names = {
        f"{split}_filenames": [f["file_path"] for f in frames if f"/{split}_" in f["file_path"]] for split in splits
    }
    focal = 0.5 * options.size / math.tan(0.5 * ANGLE)
    lens = {"w": options.size, "h": options.size, "fl_x": focal, "fl_y": focal}
    document = {"camera_model": "PINHOLE", **lens, "aabb_scale": AABB_SCALE, **names, "frames": frames}
    (options.output / "transforms.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
