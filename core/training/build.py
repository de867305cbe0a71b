"""Opens the scene a user names: a dataset to train from scratch, or a snapshot to continue from."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.config.contractions import ENDLESS, contraction_named, default_contraction
from core.config.presets import endless, train_preset
from core.config.read_options import AS_STORED, ReadOptions
from core.config.setting import differences, settings_of
from core.config.training import TrainSettings
from core.datasets import file_suffixes, open_dataset
from core.datasets.bounds.footprint import pixels_across
from core.datasets.bounds.scene_bounds import apply_place_overrides, check_place, place_at
from core.datasets.dataset import Dataset, Progress
from core.errors import FirstlightError
from core.fields import FIELDS, is_own
from core.fields.base import Conditions
from core.fields.domain import space_of
from core.geometry.placement import AXES, Place
from core.kernels.runtime.device import fastest_precision, memory_for_presets
from core.kernels.runtime.gpu_memory import attempt, full
from core.kernels.runtime.launch import telling_loads
from core.rendering.render import render_image
from core.samplers import SAMPLERS
from core.training.methods import MethodSettings, default_method, for_times, method_settings, refuse
from core.training.snapshot import load_snapshot
from core.training.trainer import Trainer

SNAPSHOT_SUFFIX = ".safetensors"
FILE_SUFFIXES = (SNAPSHOT_SUFFIX, *file_suffixes())
"""Suffixes of files that are a scene by themselves."""


@dataclass(frozen=True)
class Overrides:
    """Settings that the user chose instead of the presets: values by the names of the settings.

    Attributes:
        thresholds: fields of training's MarchSettings.
        training: fields of TrainSettings.
        field, sampler: fields of the field's and the sampler's own settings.
        method: names of a field, a sampler and a contraction, with the keys "field", "sampler" and "contraction".
        place: fields of PlaceOverrides.
    """

    thresholds: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    field: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sampler: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    method: Mapping[str, str] = dataclasses.field(default_factory=dict)
    place: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def new_trainer(
    dataset: Dataset,
    device: str,
    seed: int,
    overrides: Overrides | None = None,
    excluded: frozenset[int] = frozenset(),
) -> Trainer:
    """A trainer with the presets for the device and the scene's size.

    Args:
        dataset: already placed, see `place_at`.
        excluded: as for `Trainer`.

    Raises:
        ValueError: see `settings_for`.
    """
    field, sampler, train = settings_for(dataset, device, overrides or Overrides())
    return Trainer(dataset, field, train, device, seed, excluded, sampler)


def settings_for(dataset: Dataset, device: str, overrides: Overrides) -> MethodSettings:
    """The presets for a device and a scene's size, with the overrides applied.

    Raises:
        ValueError: an override is out of range or not a setting of the method, or the method can't learn.
    """
    method = default_method(dataset.train.moves) | dict(overrides.method)
    field_settings, sampler_settings, train_settings = _presets(dataset, device, **method, changes=overrides.field)
    sampler_settings = SAMPLERS.with_overrides(sampler_settings, overrides.sampler)
    refuse(field_settings, sampler_settings)
    march = replace(train_settings.march, **overrides.thresholds)
    train_settings = replace(train_settings, march=march, **overrides.training)
    space_of(dataset, train_settings)  # raises if the contraction doesn't suit the cameras
    return MethodSettings(field_settings, sampler_settings, train_settings)


def method_of(trainer: Trainer) -> Overrides:
    """Overrides that reproduce a trainer's method on its dataset: the names of its field and its sampler, the
    contraction if it isn't the default one, and the settings of field and sampler that differ from the presets. The
    sampler's presets may depend on the field's settings.
    """
    names = {"field": FIELDS.name_of(trainer.field_settings), "sampler": SAMPLERS.name_of(trainer.sampler_settings)}
    contraction, usual = trainer.settings.contraction, default_contraction(trainer.settings.grid_levels)
    if contraction not in (None, usual):
        names["contraction"] = contraction
    field = differences(trainer.field_settings, _presets(trainer.dataset, trainer.device, **names, changes=None).field)
    usual = _presets(trainer.dataset, trainer.device, **names, changes=field)
    return Overrides(field=field, sampler=differences(trainer.sampler_settings, usual.sampler), method=names)


def other_trainer(trainer: Trainer, train_settings: TrainSettings, method: Overrides, seed: int) -> Trainer:
    """An untrained trainer with another method, and the same dataset, place and excluded views.

    Its settings are the presets for that method, but thresholds that differed from the old method's presets are kept.

    Args:
        train_settings: the settings that the old trainer was opened with.
        method: the other method, with the settings that differ from its presets.

    Raises:
        ValueError: see `settings_for`.
    """
    usual = settings_for(trainer.dataset, trainer.device, Overrides(method=method_of(trainer).method)).train
    thresholds = differences(train_settings.march, usual.march)
    method = replace(method, thresholds=thresholds | dict(method.thresholds))
    return new_trainer(trainer.dataset, trainer.device, seed, method, trainer.excluded)


def trainer_on_cpu(trainer: Trainer) -> Trainer:
    """A trainer on the CPU that goes on from the last good state of one whose GPU is lost, or from the beginning if it
    has none. Field and grid keep their sizes; batches and number formats are a CPU's.
    """
    dataset, train = trainer.dataset, trainer.settings
    usual = train_preset("cpu", dataset.box, dataset.n_levels, dataset.near_plane)
    smaller = {
        name: min(getattr(train, name), getattr(usual, name)) for name in ("target_samples", "max_rays", "grid_samples")
    }
    field = trainer.field_settings
    if "precision" in settings_of(type(field)):
        field = replace(field, precision=fastest_precision("cpu"))
    train = replace(train, **smaller)
    new = Trainer(dataset, field, train, "cpu", trainer.seed, trainer.excluded, trainer.sampler_settings)
    if (good := trainer.last_good) is not None:
        new.load_state({name: tensor.cpu() for name, tensor in good.tensors.items()}, good.counters)
        new.set_march(good.march)
    return new


def moved_trainer(trainer: Trainer, train_settings: TrainSettings, place: Place, seed: int) -> Trainer:
    """An untrained trainer of the same dataset in another place.

    Its settings are the presets for that place, but settings that differed from the old place's presets are kept,
    except for the levels and the near plane.

    Args:
        train_settings: the settings that the old trainer was opened with.

    Raises:
        ValueError: nothing could be learnt there.
    """
    check_place(place, trainer.dataset.train.cameras)
    dataset = place_at(trainer.dataset, place)
    names = FIELDS.name_of(trainer.field_settings), SAMPLERS.name_of(trainer.sampler_settings)
    method = *names, train_settings.contraction
    old, new = (_presets(d, trainer.device, *method) for d in (trainer.dataset, dataset))
    field_settings = replace(new.field, **differences(trainer.field_settings, old.field))
    thresholds = differences(train_settings.march, old.train.march) | {"near_plane": place.near_plane}
    training = differences(train_settings, old.train) | {"grid_levels": place.n_levels}
    train_settings = replace(new.train, **training, march=replace(new.train.march, **thresholds))
    return Trainer(
        dataset, field_settings, train_settings, trainer.device, seed, trainer.excluded, trainer.sampler_settings
    )


def _presets(
    dataset: Dataset,
    device: str,
    field: str,
    sampler: str,
    contraction: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> MethodSettings:
    nested = dataset.n_levels > 1
    pixels, memory = _pixels_across(dataset, contraction), memory_for_presets(device)
    conditions = Conditions(device, fastest_precision(device), nested, pixels, memory)
    train = train_preset(device, dataset.box, dataset.n_levels, dataset.near_plane, memory)
    if contraction is not None:
        train = replace(train, contraction=contraction_named(contraction))
    if contraction not in (None, "none") and not nested:  # an untrained field is thinner there, and steps don't grow
        train = replace(train, march=replace(train.march, alpha_thre=0.25 * train.march.alpha_thre))
    if is_own(field) and dataset.train.moves:  # only its code, which hasn't run yet, says whether it uses times
        train = for_times(train)
    if contraction in ENDLESS:
        train = replace(train, march=replace(train.march, far_plane=endless(dataset.box)))
    return method_settings(field, sampler, conditions, train, changes)


def _pixels_across(dataset: Dataset, contraction: str | None) -> float:
    """How many pixels of a training view, at the size they have at the box, span the space that a field covers."""
    contracted = (contraction or default_contraction(dataset.n_levels)) != "none"
    sides = 2 if contracted else 2 ** (dataset.n_levels - 1)  # if contracted, the box has only half of each side
    return sides * pixels_across(dataset.train.cameras, dataset.box)


def open_trainer(
    path: str,
    reading: ReadOptions = AS_STORED,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
    overrides: Overrides | None = None,
) -> Trainer:
    """Open a scene and check that it can be rendered and trained.

    Args:
        path: a dataset, a demo's name, or a .safetensors file. The last keeps its own settings and reading options,
            except for `up`; a user's own field must be named again as `overrides.method["field"]`.
        reading: how to read a dataset.
        progress: called with what is being done; an exception it raises ends the opening.

    Raises:
        DatasetError, SnapshotError: see `open_dataset` and `load_snapshot`.
        FirstlightError: see `refuse_for_snapshot`.
        ValueError: see `new_trainer` and `apply_place_overrides`.
        OutOfMemory: the scene doesn't fit in the GPU's memory.
    """
    opened = attempt(lambda: _open_trainer(path, reading, device, seed, progress, overrides))
    if opened is None:
        raise full("the scene and its field don't fit")
    return opened[0]


def _open_trainer(
    path: str, reading: ReadOptions, device: str, seed: int, progress: Progress | None, overrides: Overrides | None
) -> Trainer:
    progress, place = progress or (lambda share, text: None), {} if overrides is None else overrides.place
    if is_snapshot(path):
        refuse_for_snapshot(path, reading, overrides or Overrides())
        own_field = None if overrides is None else overrides.method.get("field")
        progress(0.0, f"reading {path}")
        trainer = load_snapshot(path, device, progress, own_field)
        if "up" in place:
            trainer.turn_up(AXES[place["up"]])
    else:
        dataset = apply_place_overrides(open_dataset(path, reading, progress), place)
        progress(1.0, "preparing the field and the grid")
        trainer = new_trainer(dataset, device, seed, overrides)
    text = "preparing kernels (compiled on the first start only, in up to a minute)"
    progress(1.0, text)
    with telling_loads(lambda kernel: progress(1.0, f"{text}: {kernel}" if kernel else text)):
        rehearse(trainer)
    return trainer


def refuse_for_snapshot(path: str, reading: ReadOptions, overrides: Overrides) -> None:
    """Raise FirstlightError if the options would change a snapshot's box, reading options or method. A user's own field
    may be named again, see `load_snapshot`."""
    if overrides.place.keys() - {"up"}:
        raise FirstlightError(
            f"{path} was trained in a box and levels of its own: open its dataset with --box and --levels instead"
        )
    names = {choice for choice, name in overrides.method.items() if choice != "field" or not is_own(name)}
    if names or overrides.field or overrides.sampler:
        raise FirstlightError(f"{path} keeps its field and its sampler: leave the flags out, or open its dataset")
    if reading != AS_STORED:
        raise FirstlightError(f"{path} keeps how its dataset was read: leave the flags out, or open the dataset")


def is_snapshot(path: str) -> bool:
    return path.lower().endswith(SNAPSHOT_SUFFIX)


def rehearse(trainer: Trainer) -> None:
    """Compile or load the kernels for rendering and training, so that the first ones aren't slow; a scene that can't be
    rendered or trained on fails here."""
    camera = trainer.dataset.train.cameras[0].resized(16, 16).to(trainer.device)
    background = camera.c2w.new_ones(3)
    trainer.rehearse(lambda: render_image(trainer.field, trainer.sampler, camera, trainer.settings.march, background))
