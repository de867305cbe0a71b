"""Draw the READMEs' flight over a scene: views between the training cameras of a snapshot, side by side.

python -m tests.benchmarks.flight_figure SNAPSHOT PICTURE.jpg
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core.geometry.cameras import Camera, look_at
from core.process import configure
from core.rendering.render import render_image
from core.training.snapshot import load_snapshot
from core.training.trainer import Trainer

N_VIEWS, HEIGHT, GAP = 5, 360, 4


def between(cameras: Camera, index: int, up: tuple[float, float, float]) -> Camera:
    """A camera halfway between a training camera and the next, where no photo was taken."""
    here, there = cameras.c2w[index], cameras.c2w[index + 1]
    position = 0.5 * (here[:3, 3] + there[:3, 3])
    forward = -0.5 * (here[:3, 2] + there[:3, 2])
    return replace(cameras[index], c2w=look_at(position, position + forward, up), lens=None)


def views(trainer: Trainer) -> list[np.ndarray]:
    cameras = trainer.dataset.train.cameras
    pictures = []
    for index in torch.linspace(0, len(cameras) - 2, N_VIEWS).round().long().tolist():
        camera = between(cameras, index, trainer.dataset.up)
        camera = camera.resized(round(HEIGHT * camera.width / camera.height), HEIGHT).to(trainer.device)
        out = render_image(trainer.field, trainer.sampler, camera, trainer.settings.march, camera.c2w.new_ones(3))
        pictures.append((out.colors.clamp(0.0, 1.0) * 255.0).round().byte().cpu().numpy())
    return pictures


def main() -> None:
    configure()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshot")
    parser.add_argument("picture")
    args = parser.parse_args()
    pictures = views(load_snapshot(args.snapshot))
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    strip = [part for picture in pictures for part in (gap, picture)][1:]
    with Path(args.picture).open("xb") as file:
        Image.fromarray(np.concatenate(strip, axis=1)).save(file, format="JPEG", quality=88)


if __name__ == "__main__":
    main()
