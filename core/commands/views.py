"""Renders all views of a snapshot's dataset, with the photos' names."""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from core.commands.progress import Bar, progress_bars
from core.config.march import MarchSettings
from core.datasets.dataset import Views
from core.files import new_file, new_folder
from core.films.png import eight_bits, png_bytes
from core.rendering.render import render_image
from core.training.trainer import Trainer


def render_views(
    trainer: Trainer, output: str | Path, march: MarchSettings, background: tuple[float, float, float]
) -> Path:
    """Render every training and test view with its own camera and lens, at its photo's size.

    For a view named train/r_3 it writes train/r_3.png, train/r_3_opacity.png, and train/r_3_depth.npy: distances along
    the rays in the dataset's units, (height, width) float32, inf where there is nothing.

    Args:
        output: a folder that is absent or empty.

    Raises:
        FirstlightError: it holds something or can't be written.
    """
    output = new_folder(output)
    color = torch.tensor(background, device=trainer.device)
    splits = [("train", trainer.dataset.train), ("test", trainer.dataset.test)]
    n, done = sum(len(views) for _, views in splits), 0
    with progress_bars(Console(stderr=True)) as bars:
        bar = Bar(bars, "rendering")
        for split, views in splits:
            for index, name in enumerate(file_names(views)):
                camera = views.cameras[index].to(trainer.device)
                out = render_image(trainer.field, trainer.sampler, camera, march, color)
                contents = {
                    ".png": png_bytes(eight_bits(out.colors.cpu().numpy()), {}),
                    "_opacity.png": png_bytes(eight_bits(out.opacities.cpu().numpy()), {}),
                }
                for ending, content in contents.items():
                    with new_file(output / split / f"{name}{ending}") as file:
                        file.write(content)
                with new_file(output / split / f"{name}_depth.npy") as file:
                    np.save(file, out.depths.cpu().numpy().astype(np.float32))
                done += 1
                bar.update(done / n, f"view {done} of {n}")
    return output


def file_names(views: Views) -> list[str]:
    """A file name without suffix for each view: its photo's; where two photos share one, their number is added."""
    stems = [Path(name).stem for name in views.names]
    return [stem if stems.count(stem) == 1 else f"{stem}-{i:04d}" for i, stem in enumerate(stems)]
