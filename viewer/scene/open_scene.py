"""One open scene on the worker thread: its trainer, and its description for the window."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, DEMOS
from core.datasets.bounds.scene_bounds import place_of
from core.datasets.dataset import Dataset
from core.errors import FirstlightError
from core.flights.album import Album
from core.geometry.cameras import Camera
from core.geometry.placement import Place
from core.training.build import (
    Overrides,
    is_snapshot,
    method_of,
    moved_trainer,
    other_trainer,
    rehearse,
    trainer_on_cpu,
)
from core.training.snapshot import read_album
from core.training.trainer import Trainer
from viewer.protocol.rescues import Rescue
from viewer.protocol.runs import Measured, RunSummary, title_of
from viewer.protocol.scene_info import SceneInfo
from viewer.scene.curves import Curve, Rates
from viewer.scene.held_out import HeldOutCurve
from viewer.scene.recovery import rescue

MOST_POINTS = 20_000
"""The most known points that the window gets: more would slow the picture down and show nothing new."""


class OpenScene:
    """A trainer with its curves and rates.

    Args:
        trainer: nothing else may step it.
        opened: what was opened, see `SceneInfo.opened`; "": the dataset.
        opened_place: see `SceneInfo.opened_place`; None: its place now.
        album: see `SceneInfo.album`.

    Attributes:
        former: the scene before training started again with another method; it isn't stepped.
    """

    def __init__(
        self, trainer: Trainer, opened: str = "", opened_place: Place | None = None, album: Album | None = None
    ):
        self.trainer = trainer
        self.info = replace(describe(trainer, opened, opened_place), album=album)
        self.losses = Curve()
        self.psnrs: tuple[Measured, ...] = ()
        self.former: OpenScene | None = None
        self.rates = Rates()
        self._own_march = trainer.settings.march
        self._held_out = HeldOutCurve(trainer.dataset.test, trainer.device) if len(trainer.dataset.test) else None

    def step(self, fraction: float = 1.0) -> float:
        """One training step, or a slice of one on a share of a batch; returns its seconds.

        Raises:
            TrainingCollapsed: see `Trainer.step`.
        """
        stats = self.trainer.step(fraction)
        if stats.stepped:
            self.losses.add(stats.step, stats.loss)
        self.rates.add(time.perf_counter(), int(stats.stepped), stats.n_rays, stats.n_samples)
        return stats.seconds

    def take_notes(self) -> list[str]:
        """What the trainer has to tell the user since the last call."""
        notes = self.trainer.notes[:]
        self.trainer.notes.clear()
        return notes

    def evaluate(self) -> None:
        """Measure a slice of the held-out curve if one is due."""
        if self._held_out is None or not self._held_out.due(self.trainer.seconds):
            return
        psnr = self._held_out.slice(self.trainer)
        if psnr is not None:
            trainer = self.trainer
            self.psnrs += (Measured(trainer.step_count, psnr, trainer.seconds, trainer.n_evaluations),)

    def set_training_march(self, march: MarchSettings | None) -> None:
        """Train with other thresholds; None: with those the scene was opened with. None also resets the former scene,
        which may have been left with others."""
        self.trainer.set_march(march or self._own_march)
        if march is None and self.former is not None:
            self.former.set_training_march(None)

    def rescue(self, way: Rescue) -> str:
        """Take a way out of a collapse; returns what was done. Curves are cut at the step where training goes on.

        Raises:
            FirstlightError: see `viewer.scene.recovery.rescue`.
        """
        text = rescue(self.trainer, way, self._own_march)
        step = self.trainer.step_count
        self.losses.cut(step)
        self.psnrs = tuple(point for point in self.psnrs if point.step <= step)
        self.rates.clear()
        return text

    def restarted(self, seed: int) -> "OpenScene":
        """The same dataset, excluded views and thresholds, the settings it was opened with, and an untrained field."""
        old, settings = self.trainer, self.info.train
        trainer = Trainer(
            old.dataset, old.field_settings, settings, old.device, seed, old.excluded, old.sampler_settings
        )
        scene = OpenScene(trainer, self.info.opened, self.info.opened_place)
        scene.set_training_march(old.settings.march)
        scene.former = self.former
        return scene

    def on_cpu(self) -> "OpenScene":
        """The scene on the CPU, from its last good state; curves are cut there. The former scene is dropped.

        Raises:
            FirstlightError: it is on the CPU already.
        """
        if self.trainer.device == "cpu":
            raise FirstlightError("training is on the CPU already: take another way out, or reset training")
        scene = OpenScene(trainer_on_cpu(self.trainer), self.info.opened, self.info.opened_place)
        step = scene.trainer.step_count
        scene.losses, scene.psnrs = self.losses, tuple(point for point in self.psnrs if point.step <= step)
        scene.losses.cut(step)
        return scene

    def moved(self, place: Place, seed: int) -> "OpenScene":
        """The same dataset and excluded views, with an untrained field in another place.

        Raises:
            FirstlightError: nothing could be learnt there.
        """
        try:
            trainer = moved_trainer(self.trainer, self.info.train, place, seed)
        except ValueError as error:
            raise FirstlightError(str(error)) from error
        scene = self._of_dataset(trainer)
        scene.former = self.former
        return scene

    def with_method(self, method: Overrides, seed: int) -> "OpenScene":
        """The same dataset, place and excluded views, with an untrained field of another method. This scene becomes its
        former one; the former one of this scene is dropped.

        Raises:
            FirstlightError: there is no such method, or it can't learn here.
        """
        try:
            trainer = other_trainer(self.trainer, self.info.train, method, seed)
            rehearse(trainer)  # what can't be rendered fails before anything is dropped
        except ValueError as error:
            raise FirstlightError(str(error)) from error
        scene = self._of_dataset(trainer)
        scene.former, self.former = self, None
        return scene

    def taken_up(self) -> "OpenScene":
        """The former scene, which goes on where it stopped; this one becomes its former one.

        Raises:
            FirstlightError: none is kept.
        """
        if self.former is None:
            raise FirstlightError("no former run is kept: start training with another method first")
        scene, self.former = self.former, None
        scene.former = self
        scene.rates.clear()
        return scene

    def forget_former(self) -> None:
        """Drop the former scene and free its memory."""
        self.former = None

    @property
    def former_trainer(self) -> Trainer | None:
        """The former scene's trainer; nothing may step it."""
        return None if self.former is None else self.former.trainer

    @property
    def former_run(self) -> RunSummary | None:
        """A summary of the former scene."""
        if self.former is None:
            return None
        trainer = self.former.trainer
        return RunSummary(title_of(self.former.info.method), trainer.step_count, trainer.seconds, self.former.psnrs)

    def _of_dataset(self, trainer: Trainer) -> "OpenScene":
        """A scene with another trainer. If this one was opened as a snapshot, the new one counts as opened from the
        dataset, in the dataset's own place."""
        if is_snapshot(self.info.opened):
            return OpenScene(trainer, "", trainer.dataset.named)
        return OpenScene(trainer, self.info.opened, self.info.opened_place)

    def turn_up(self, up: tuple[float, float, float]) -> None:
        """Set another up, a unit vector; training goes on."""
        self.trainer.turn_up(up)
        self.info = replace(self.info, up=up)
        if self.former is not None:
            self.former.turn_up(up)

    def include(self, view: int, included: bool) -> None:
        """Train with or without one of the training views.

        Raises:
            FirstlightError: none would be left.
        """
        excluded = self.trainer.excluded
        try:
            self.trainer.exclude(excluded - {view} if included else excluded | {view})
        except ValueError as error:
            raise FirstlightError(str(error)) from error


def opened_scene(trainer: Trainer, path: str) -> OpenScene:
    """The scene of a trainer that was made from a dataset or a snapshot."""
    if is_snapshot(path):
        return OpenScene(trainer, path, album=read_album(path))
    return OpenScene(trainer, path, trainer.dataset.named)


def describe(trainer: Trainer, opened: str = "", opened_place: Place | None = None) -> SceneInfo:
    """A scene's description for the window; arguments as for `OpenScene`."""
    dataset: Dataset = trainer.dataset
    opened = opened or str(dataset.path)
    cameras = dataset.train.cameras
    points, colors = _thinned_points(dataset)
    return SceneInfo(
        name=dataset.name,
        path=str(dataset.path),
        format=dataset.format,
        notes=tuple(dataset.notes),
        n_train=len(dataset.train),
        n_test=len(dataset.test),
        image_width=cameras.width,
        image_height=cameras.height,
        cameras=cameras.c2w.cpu().numpy().copy(),
        camera_fov_y=_fov_y(cameras),
        view_names=tuple(dataset.train.names),
        test_cameras=dataset.test.cameras.c2w.cpu().numpy().copy(),
        test_fov_y=_fov_y(dataset.test.cameras),
        test_names=tuple(dataset.test.names),
        box=dataset.box,
        method=method_of(trainer),
        sampler=trainer.sampler_settings,
        train=trainer.settings,
        background=(1.0, 1.0, 1.0),
        opened=opened if opened in DEMOS else str(Path(opened).expanduser().resolve()),
        reading=AS_STORED if is_snapshot(opened) else dataset.reading,
        up=dataset.up,
        points=points,
        point_colors=colors,
        opened_place=opened_place or place_of(dataset),
        sizes=None if cameras.sizes is None else cameras.sizes.cpu().numpy().copy(),
        times=_times(dataset.train.cameras) if dataset.train.moves else None,
        test_times=_times(dataset.test.cameras) if dataset.train.moves else None,
    )


def _thinned_points(dataset: Dataset) -> tuple[np.ndarray | None, np.ndarray | None]:
    """At most `MOST_POINTS` of the dataset's points, evenly chosen, and their colours; None where unknown."""
    if dataset.points is None:
        return None, None
    chosen = slice(None, None, -(-len(dataset.points) // MOST_POINTS))
    colors = dataset.point_colors
    return dataset.points[chosen].numpy(), None if colors is None else colors[chosen].numpy().astype(np.float32) / 255.0


def _times(cameras: Camera) -> np.ndarray | None:
    return None if cameras.times is None else cameras.times.double().cpu().numpy()


def _fov_y(cameras: Camera) -> np.ndarray:
    return 2.0 * np.arctan(0.5 * (cameras.extent[:, 1].double() / cameras.K[:, 1, 1].double()).cpu().numpy())
