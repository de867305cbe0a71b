"""Opens what a user names: a dataset to train from the start, or a snapshot to go on from."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.datasets import open_dataset, tiny_nerf, video
from core.datasets.base import Dataset, Progress
from core.device import fastest_precision
from core.methods import (
    DEFAULT_DYNAMIC_FIELD,
    DEFAULT_FIELD,
    DEFAULT_SAMPLER,
    FIELDS,
    SAMPLERS,
    method_settings,
    with_overrides,
)
from core.reading import AS_STORED, Reading
from core.rendering import render_image
from core.settings import presets
from core.snapshot import load_snapshot
from core.trainer import Trainer

SNAPSHOT_SUFFIX = ".safetensors"
FILE_SUFFIXES = (SNAPSHOT_SUFFIX, tiny_nerf.SUFFIX, *video.SUFFIXES)
"""Of files that are a scene by themselves."""


@dataclass(frozen=True)
class Overrides:
    """What was asked for instead of the presets: values by the names of their settings.

    Attributes:
        thresholds: of training's MarchSettings; training: of TrainSettings; field, sampler: of the settings that the
            field and the sampler have; method: names of these, by "field" and "sampler".
    """

    thresholds: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    field: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sampler: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    method: Mapping[str, str] = dataclasses.field(default_factory=dict)


def new_trainer(dataset: Dataset, device: str, seed: int, overrides: Overrides | None = None) -> Trainer:
    """A trainer with the presets for the device and the scene's size.

    Raises:
        ValueError: an override is out of its setting's range, or no setting of the method.
    """
    overrides = overrides or Overrides()
    place = dataset.n_levels, dataset.near_plane
    field_settings, train_settings = presets(device, dataset.box, fastest_precision(device), *place)
    field = DEFAULT_DYNAMIC_FIELD if dataset.train.moves else DEFAULT_FIELD
    method = {"field": field, "sampler": DEFAULT_SAMPLER, **overrides.method}
    chosen = method_settings(**method, ngp=field_settings, train=train_settings)
    field_settings = with_overrides(FIELDS, chosen.field, overrides.field)
    sampler_settings = with_overrides(SAMPLERS, chosen.sampler, overrides.sampler)
    march = replace(train_settings.march, **overrides.thresholds)
    train_settings = replace(chosen.train, march=march, **overrides.training)
    return Trainer(dataset, field_settings, train_settings, device, seed, sampler_settings=sampler_settings)


def open_trainer(
    path: str,
    reading: Reading = AS_STORED,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
    overrides: Overrides | None = None,
) -> Trainer:
    """Open a scene and make sure that it can be rendered.

    Args:
        path: a dataset, a demo's name, or a file that ends in .safetensors, which keeps its own settings and reading.
        reading: of a dataset.
        progress: told what is done; what it raises ends the opening.

    Raises:
        DatasetError, SnapshotError: see `open_dataset` and `load_snapshot`.
    """
    progress = progress or (lambda share, text: None)
    if is_snapshot(path):
        progress(0.0, f"reading {path}")
        trainer = load_snapshot(path, device, progress)
    else:
        dataset = open_dataset(path, reading, progress)
        progress(1.0, "preparing the field and the grid")
        trainer = new_trainer(dataset, device, seed, overrides)
    progress(1.0, "preparing kernels (compiled on the first start only)")
    _render_thumbnail(trainer)
    return trainer


def is_snapshot(path: str) -> bool:
    return path.lower().endswith(SNAPSHOT_SUFFIX)


def _render_thumbnail(trainer: Trainer) -> None:
    """Compiles or loads the kernels, so that the first step isn't charged for it; what can't be shown fails here."""
    camera = trainer.dataset.train.cameras[0].resized(16, 16).to(trainer.device)
    background = camera.c2w.new_ones(3)
    render_image(trainer.field, trainer.sampler, camera, trainer.settings.march, background)
