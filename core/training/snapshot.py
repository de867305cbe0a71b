"""Snapshots: everything a run needs to continue exactly where it was, in one safetensors file, without pickle.

Tensors: the field, the running mean of its weights that is shown, the grid, the optimiser's moments and the generator's
state. The header's "firstlight" entry is a JSON object with the settings, the counters, the excluded training views,
the scene's place, the dataset's path, and the user's bookmarks and camera path; the images are not stored.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from core.config.read_options import ReadOptions
from core.config.setting import from_json, value_from_json
from core.config.training import TrainSettings
from core.config.types import Box
from core.datasets import open_dataset
from core.datasets.bounds.scene_bounds import place_at
from core.errors import DatasetError, SnapshotError
from core.fields import FIELDS, is_own
from core.fields.own_class import OwnSettings
from core.files import new_path
from core.flights.album import Album, album_from_json, album_to_json
from core.geometry.placement import Place
from core.samplers import SAMPLERS
from core.training.trainer import Trainer

_KEY = "firstlight"
_VERSION = 4
"""Older versions: in 1, the colour network had one density feature less; in 2, space around the box was not contracted;
in 3, the network's output was the logarithm of the density itself, and untrained contracted space was four times as
dense."""

_COMPARED_CAMERAS = 3
"""Cameras whose poses are compared with the dataset's: poses that were estimated again differ."""


def save_snapshot(path: str | Path, trainer: Trainer, album: Album | None = None) -> None:
    """Write a snapshot into a new file.

    Args:
        album: the user's bookmarks and camera path, to be kept in it.

    Raises:
        SnapshotError: the file exists or can't be written.
    """
    path = Path(path)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trainer.state_tensors().items()}
    header = {
        "version": _VERSION,
        "dataset": str(Path(trainer.dataset.path).resolve()),
        "reading": asdict(trainer.dataset.reading),
        "box": trainer.dataset.box,
        "up": trainer.dataset.up,
        "near": trainer.dataset.near_plane,
        "cameras": trainer.dataset.train.cameras.c2w[:_COMPARED_CAMERAS].tolist(),
        "seed": trainer.seed,
        "method": [FIELDS.name_of(trainer.field_settings), SAMPLERS.name_of(trainer.sampler_settings)],
        "field": asdict(trainer.field_settings),
        "sampler": asdict(trainer.sampler_settings),
        "train": asdict(trainer.settings),
        "counters": trainer.counters(),
        "excluded": sorted(trainer.excluded),
        "album": None if album is None else album_to_json(album),
    }
    with new_path(path, SnapshotError) as unfinished:
        try:
            save_file(tensors, unfinished, metadata={_KEY: json.dumps(header)})
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SnapshotError(f"{path} can't be written ({reason}): choose another folder") from error


def read_album(path: str | Path) -> Album:
    """The bookmarks and the camera path that a snapshot keeps; empty if it has none.

    Raises:
        SnapshotError: the file is missing or damaged.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise SnapshotError(f"{path}: expected a snapshot file (.safetensors), found no file there")
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {})[_KEY]).get("album")
        return Album() if values is None else album_from_json(values)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"the camera path in {path} can't be read ({error!r:.200}): name a path's file") from error


def load_snapshot(path: str | Path, device: str = "cpu", progress=None, own_field: str | None = None) -> Trainer:
    """Open a snapshot and its dataset, ready for the next step.

    Args:
        progress: as in `open_dataset`.
        own_field: "path.py:Class" of the user's own field that it was trained with. Snapshots may come from anywhere,
            so code that a snapshot names runs only if the user names it too.

    Raises:
        SnapshotError: the file is missing, damaged or of another version, its dataset is gone, or it was trained with
            the code of a user's own field, which wasn't named.
        FieldError: see `core.fields.own.OwnField`.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise SnapshotError(f"{path}: expected a snapshot file (.safetensors), found no file there")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if header["version"] != _VERSION:
            raise SnapshotError(
                f"{path} has snapshot version {header['version']}, but this program reads {_VERSION}: train again"
            )
        field, sampler = value_from_json(tuple[str, str], header["method"], "method")
        train = from_json(TrainSettings, header["train"])
        field_settings = _field_settings(path, field, header["field"], own_field)
        sampler_settings = from_json(SAMPLERS.named(sampler).settings, header["sampler"])
        where, seed, counters = (header[key] for key in ("dataset", "seed", "counters"))
        reading = from_json(ReadOptions, header["reading"])
        box, levels = value_from_json(Box, header["box"], "box"), train.grid_levels
        near = value_from_json(float, header["near"], "near")
        up = value_from_json(tuple[float, float, float], header["up"], "up")
        cameras = torch.tensor(header["cameras"])
        excluded = frozenset(header["excluded"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"{path} is not a snapshot of this program, or is damaged ({error!r:.200})") from error
    try:
        dataset = open_dataset(where, reading, progress)
    except DatasetError as error:
        raise SnapshotError(f"{path} was trained on a dataset that can't be opened: {error}") from error
    poses = dataset.train.cameras.c2w[: len(cameras)]
    if not (poses.shape == cameras.shape and torch.allclose(poses, cameras, rtol=1e-3, atol=1e-4)):
        raise SnapshotError(
            f"{path} was trained with other poses than {where} has now: if they were found from photos, their cache is "
            "gone; train again"
        )
    dataset = place_at(dataset, Place(box, levels, near, up))
    trainer = Trainer(dataset, field_settings, train, device=device, seed=seed, sampler_settings=sampler_settings)
    try:
        trainer.load_state(tensors, counters)
        trainer.exclude(excluded)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        what = own_field or "its own settings, it may be damaged"
        raise SnapshotError(f"{path} doesn't fit {what} ({error!r:.200})") from error
    return trainer


def _field_settings(path: Path, name: str, values: dict, own_field: str | None) -> Any:
    """The settings of a snapshot's field; for a user's own field, of the one that the user named."""
    if not is_own(name):
        if own_field is not None:
            raise SnapshotError(f"{path} was trained with the field {name}, not with {own_field}: leave --field out")
        return from_json(FIELDS.named(name).settings, values)
    if own_field is None:
        raise SnapshotError(
            f"{path} was trained with a user's own field, whose code runs only if you name it: if you trust it, "
            f"add --field {name}"
        )
    if not is_own(own_field):
        raise SnapshotError(f"{path} was trained with {name}, not with the field {own_field}: add --field {name}")
    return OwnSettings(own_field)
