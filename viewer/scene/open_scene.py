"""One open scene on the worker thread: its trainer, and what the window is told about it."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, DEMOS
from core.datasets.bounds.scene_bounds import place_of
from core.datasets.dataset import Dataset
from core.errors import FirstlightError
from core.geometry.cameras import Camera
from core.geometry.placement import Place
from core.training.build import Overrides, is_snapshot, method_of, moved_trainer, other_trainer, rehearse
from core.training.trainer import Trainer
from viewer.protocol.rescues import Rescue
from viewer.protocol.runs import Measured, RunSummary, title_of
from viewer.protocol.scene_info import SceneInfo
from viewer.scene.curves import Curve, Rates
from viewer.scene.held_out import HeldOut
from viewer.scene.recovery import rescue

MOST_POINTS = 20_000
"""Known points that the window is told of: more would slow the picture and show nothing new."""


class OpenScene:
    """A trainer with its curves and rates.

    Args:
        trainer: stays this scene's own; nothing else may step it.
        opened: what was opened, see `SceneInfo.opened`; "": the dataset.
        opened_place: see `SceneInfo.opened_place`; None: its place now.

    Attributes:
        former: the scene as it was before training started again with another method; it isn't stepped.
    """

    def __init__(self, trainer: Trainer, opened: str = "", opened_place: Place | None = None):
        self.trainer = trainer
        self.info = describe(trainer, opened, opened_place)
        self.losses = Curve()
        self.psnrs: tuple[Measured, ...] = ()
        self.former: OpenScene | None = None
        self.rates = Rates()
        self._own_march = trainer.settings.march
        self._held_out = HeldOut(trainer.dataset.test, trainer.device) if len(trainer.dataset.test) else None

    def step(self, fraction: float = 1.0) -> float:
        """One training step on a share of a batch; gives its seconds.

        Raises:
            TrainingCollapsed: see `Trainer.step`.
        """
        stats = self.trainer.step(fraction)
        self.losses.add(stats.step, stats.loss)
        self.rates.add(time.perf_counter(), 1, stats.n_rays, stats.n_samples)
        return stats.seconds

    def evaluate(self) -> None:
        """Measure a slice of the held-out curve if it is time to."""
        if self._held_out is None or not self._held_out.due(self.trainer.seconds):
            return
        psnr = self._held_out.slice(self.trainer)
        if psnr is not None:
            trainer = self.trainer
            self.psnrs += (Measured(trainer.step_count, psnr, trainer.seconds, trainer.n_evaluations),)

    def set_training_march(self, march: MarchSettings | None) -> None:
        """Train with other thresholds; None: with those the scene was opened with, in the former scene as well, which
        may have been left with others."""
        self.trainer.set_march(march or self._own_march)
        if march is None and self.former is not None:
            self.former.set_training_march(None)

    def rescue(self, way: Rescue) -> str:
        """Take a way out of a collapse; gives what was done. Curves end where training goes on.

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

    def moved(self, place: Place, seed: int) -> "OpenScene":
        """The same dataset and excluded views, and an untrained field in another place.

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

    def with_method(self, wished: Overrides, seed: int) -> "OpenScene":
        """The same dataset, place and excluded views, and an untrained field with another method; this one is kept as
        its former one. What was kept before is let go.

        Raises:
            FirstlightError: there is no such method, or it can't learn here.
        """
        try:
            trainer = other_trainer(self.trainer, self.info.train, wished, seed)
            rehearse(trainer)  # what can't be shown fails before anything is given up
        except ValueError as error:
            raise FirstlightError(str(error)) from error
        scene = self._of_dataset(trainer)
        scene.former, self.former = self, None
        return scene

    def taken_up(self) -> "OpenScene":
        """The former scene, which goes on where it stood; this one is kept as its former one.

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
        """Let the former scene go, and its memory."""
        self.former = None

    @property
    def former_trainer(self) -> Trainer | None:
        """The former scene's trainer; nothing may step it."""
        return None if self.former is None else self.former.trainer

    @property
    def former_run(self) -> RunSummary | None:
        """What is told of the former scene."""
        if self.former is None:
            return None
        trainer = self.former.trainer
        return RunSummary(title_of(self.former.info.method), trainer.step_count, trainer.seconds, self.former.psnrs)

    def _of_dataset(self, trainer: Trainer) -> "OpenScene":
        """A scene with another trainer. What was opened as a snapshot is its dataset from then on, whose own place is
        where the new one begins."""
        if is_snapshot(self.info.opened):
            return OpenScene(trainer, "", trainer.dataset.named)
        return OpenScene(trainer, self.info.opened, self.info.opened_place)

    def turn_up(self, up: tuple[float, float, float]) -> None:
        """Take another unit vector for up; training goes on."""
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


def describe(trainer: Trainer, opened: str = "", opened_place: Place | None = None) -> SceneInfo:
    """What the window needs to know of a scene; arguments as for `OpenScene`."""
    dataset: Dataset = trainer.dataset
    opened = opened or str(dataset.path)
    cameras = dataset.train.cameras
    points, colors = _some_points(dataset)
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
        box=tuple(dataset.box),
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


def _some_points(dataset: Dataset) -> tuple[np.ndarray | None, np.ndarray | None]:
    """At most `MOST_POINTS` of the dataset's points, evenly chosen, and their colours, as far as both are known."""
    if dataset.points is None:
        return None, None
    some = slice(None, None, -(-len(dataset.points) // MOST_POINTS))
    colors = dataset.point_colors
    return dataset.points[some].numpy(), None if colors is None else colors[some].numpy().astype(np.float32) / 255.0


def _times(cameras: Camera) -> np.ndarray | None:
    return None if cameras.times is None else cameras.times.double().cpu().numpy()


def _fov_y(cameras: Camera) -> np.ndarray:
    return 2.0 * np.arctan(0.5 * (cameras.extent[:, 1].double() / cameras.K[:, 1, 1].double()).cpu().numpy())
