"""Training: one step at a time, on the one path. No threads, no sleeping, no window."""

import math
import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.config.march import MarchSettings
from core.config.sampler_settings import OccupancySettings
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.config.types import Box
from core.datasets.bounds.coverage import Coverage
from core.datasets.bounds.initial_cells import possible_cells
from core.datasets.dataset import Dataset
from core.errors import CollapseKind, FirstlightError, TrainingCollapsed
from core.rendering.render import Traced, trace_rays
from core.samplers.occupancy_grid import ObservedField
from core.training.collapse import lower_march_thresholds, not_finite, nothing_to_learn_from
from core.training.model import Model, under
from core.training.optimizer import Adam
from core.training.rollback import LastGood
from core.training.schedule import learning_rate

_MOST_FRUITLESS_STEPS = 50
"""Steps in a row without a kept sample that count as a collapse; single ones are chance."""

_REHEARSED = 64
"""Rays, and cells, that kernels are compiled or loaded for before the first step."""

_SLOWER = 0.5
"""The learning rate is multiplied by this when training goes back from a value that was not finite."""


@dataclass(frozen=True)
class TrainStats:
    """One step's figures.

    Attributes:
        step: steps done, this one included.
        loss: mean squared error over the step's pixels.
        n_rays: rays of the step; n_marched: samples whose density decided which of them it kept; n_samples: those it
            kept and learnt from.
        seconds: the step's time, the grid's upkeep included.
    """

    step: int
    loss: float
    n_rays: int
    n_marched: int
    n_samples: int
    seconds: float


class Trainer:
    """Owns field, sampler, optimiser and generator, and advances them together.

    Args:
        dataset: its training views are moved to the device.
        seed: the same seed gives the same first losses on a CPU.
        excluded: indices of training views that it begins without; see `exclude`. Neither do their silhouettes carve.
        sampler_settings: of one of `core.config.methods.SAMPLERS`.

    Attributes:
        field: what is shown and measured: the mean of the last weights of `learning_field`, see
            `core.training.averaging`; or, of a field of the user's own, that one itself.
        learning_field: what the steps move.
        grid: the occupancy grid, which is kept up whatever the sampler: it shows where something is.
        sampler: what places samples; the grid itself for `OccupancySettings`.
        n_evaluations: densities that all steps asked for, with gradient and without.
        excluded: the training views that are never sampled.

    Raises:
        ValueError: see `exclude` and `space_of`.
    """

    def __init__(
        self,
        dataset: Dataset,
        field_settings: Any,
        train_settings: TrainSettings,
        device: str = "cpu",
        seed: int = 0,
        excluded: frozenset[int] = frozenset(),
        sampler_settings: Any = OccupancySettings(),  # noqa: B008 - it is immutable
    ):
        self.dataset, self.device, self.seed = dataset, device, seed
        self.field_settings, self.sampler_settings, self.settings = field_settings, sampler_settings, train_settings
        self.step_count, self.seconds, self.n_evaluations = 0, 0.0, 0
        self._views = dataset.train.to(device)
        self.exclude(excluded)
        self._generator = torch.Generator(device).manual_seed(seed)
        weights = torch.Generator("cpu").manual_seed(seed)
        self._model = Model(dataset, field_settings, sampler_settings, train_settings, device, weights)
        self.field, self.learning_field = self._model.shown, self._model.field
        self.grid, self.sampler = self._model.grid, self._model.sampler
        views = self._views if self._included is None else self._views.take(self._included)
        possible = possible_cells(views, self._boxes(), train_settings.grid_resolution)
        self.grid.start(train_settings.march.occ_thre, train_settings.grid_decay, possible)
        learning = self.learning_field
        readers = learning.rounded_readers() if hasattr(learning, "rounded_readers") else {}
        self._optimizer = Adam(self._model.groups(), train_settings.learning_rate, readers)
        self._fruitless_steps = 0
        self._grid_started_at = 0
        self._last_good = LastGood()
        self._collapse: CollapseKind | None = None
        self.samples_per_ray = self._guess_samples_per_ray()

    def step(self, fraction: float = 1.0) -> TrainStats:
        """Learn from one batch.

        Args:
            fraction: of the target number of samples, in (0, 1]; smaller steps are quicker.

        Raises:
            TrainingCollapsed: the loss, its gradient or a density is not finite (the step is not taken), no cell is
                occupied, or many steps in a row kept no sample. `rebuild_grid`, `lower_thresholds` and
                `restore_last_good` are the ways out.
        """
        began = time.perf_counter()
        settings = self.settings
        self._set_learning_rate(fraction)
        n_rays = self.n_rays(fraction)
        error, traced = self._find_gradients(n_rays, self._generator)
        sums = self._optimizer.gradient_sums()
        value, *gradients, n_marched = _numbers([error, *sums, traced.output.n_marched.sum()])
        if not all(map(math.isfinite, [value, *gradients])):
            what = f"the loss ({value:g}) or its gradient"
            raise self._collapsed(not_finite(what, self.step_count + 1, settings))
        n_samples, n_marched = traced.sampled.samples.n_samples, int(n_marched)
        if n_samples:  # without one there is no gradient, and Adam's momentum alone would move the weights
            self._optimizer.step()
            n_learnt = n_samples + traced.sampled.n_learnt
            self.samples_per_ray = 0.8 * self.samples_per_ray + 0.2 * n_learnt / n_rays
        self.step_count += 1
        self._model.follow(self.step_count)
        # where the march asked for densities, those of what it kept were asked for once more, with gradient
        self.n_evaluations += n_marched + (n_samples if traced.sampled.sigmas is not None else 0)
        self._fruitless_steps = 0 if n_samples else self._fruitless_steps + 1
        if self._fruitless_steps >= _MOST_FRUITLESS_STEPS:
            raise self._nothing_to_learn_from()
        if self.step_count % settings.grid_update_every == 0:
            self._update_grid()
        if n_samples and self._last_good.due(self.step_count, self.seconds):
            self._last_good.keep(self.state_tensors(), self.counters(), settings.march)
        seconds = time.perf_counter() - began
        self.seconds += seconds
        return TrainStats(self.step_count, value, n_rays, n_marched, n_samples, seconds)

    def rehearse(self) -> None:
        """Go through a small step and an update of the grid and take neither, so that no step is charged for kernels
        that must be compiled. What fields and samplers keep outside their buffers isn't put back."""
        buffers = [buffer for module in self._model.parts.values() for buffer in module.buffers()]
        kept = [(buffer, buffer.clone()) for buffer in buffers]
        generator = torch.Generator(self.device).manual_seed(self.seed)
        march, decay = self.settings.march, self.settings.grid_decay
        try:
            self._find_gradients(min(_REHEARSED, self.n_rays(1.0)), generator)
            self.grid.update(self.learning_field, march.render_step_size, march.occ_thre, decay, _REHEARSED, generator)
        finally:
            self._optimizer.drop_gradients()
            for buffer, value in kept:
                buffer.copy_(value)

    def n_rays(self, fraction: float) -> int:
        """Rays that a step takes to learn from a share of the target number of samples."""
        settings = self.settings
        return int(min(settings.max_rays, max(32, fraction * settings.target_samples / self.samples_per_ray)))

    @cached_property
    def coverage(self) -> Coverage:
        """How many training cameras see each grid cell; it counts nothing until it is asked to."""
        return Coverage(self._views.cameras, self._boxes(), self.settings.grid_resolution)

    def set_march(self, march: MarchSettings) -> None:
        """Train with other thresholds from the next step on."""
        self.settings = replace(self.settings, march=march)

    def turn_up(self, up: tuple[float, float, float]) -> None:
        """Take another unit vector for the scene's up; nothing that is learnt depends on it."""
        self.dataset = replace(self.dataset, up=up)

    def exclude(self, views: frozenset[int]) -> None:
        """Train without these training views, and with all others, from the next step on.

        Raises:
            ValueError: no view would be left, or there is no such view; nothing changes.
        """
        n_views = len(self._views)
        absent = sorted(view for view in views if not 0 <= view < n_views)
        if absent:
            raise ValueError(f"training views are counted from 0 to {n_views - 1}, can't exclude {absent[0]}")
        if len(views) == n_views:
            raise ValueError(f"training needs at least one view, all {n_views} would be excluded: keep one")
        included = [view for view in range(n_views) if view not in views]
        self.excluded = frozenset(views)
        self._included = torch.tensor(included, device=self.device) if views else None

    @property
    def last_good_step(self) -> int | None:
        """The step that `restore_last_good` goes back to; None until training has gone well for some seconds."""
        return None if self._last_good.good is None else self._last_good.good.step

    def restore_last_good(self) -> int:
        """Go back to the newest state after which training went well for some seconds, its thresholds included.

        What follows is another course: the batches are others, for the generator isn't set back; and after a value
        that was not finite the learning rate is halved.

        Returns:
            The step gone back to.

        Raises:
            FirstlightError: no such state is kept yet.
        """
        good = self._last_good.good
        if good is None:
            raise FirstlightError("no good state is kept so early in training: reset training instead")
        # what is loaded becomes the optimiser's own, and the copy may be needed again
        tensors = {name: tensor.clone() for name, tensor in good.tensors.items()}
        self.load_state(tensors | {"generator": self._generator.get_state()}, good.counters)
        rate = self.settings.learning_rate
        if self._collapse is CollapseKind.NOT_FINITE:
            rate = max(_SLOWER * rate, settings_of(TrainSettings)["learning_rate"].low)
        self.settings = replace(self.settings, march=good.march, learning_rate=rate)
        self._last_good.went_back()
        self._collapse = None
        return good.step

    def rebuild_grid(self) -> None:
        """Start the occupancy grid again as on the first step, from the density that the field has now.

        Every cell that may hold something is occupied and must prove empty again; now, and until the grid is warm, an
        update evaluates all of them.

        Raises:
            TrainingCollapsed: a density is not finite.
        """
        self._grid_started_at, self._fruitless_steps = self.step_count, 0
        self.samples_per_ray = self._guess_samples_per_ray()
        self.grid.start(self.settings.march.occ_thre, self.settings.grid_decay)
        self._update_grid()

    def lower_thresholds(self) -> MarchSettings:
        """Lower training's alpha and occupancy thresholds until the field's densest cell clearly passes both.

        Each is divided by ten, at least once; the grid is rebuilt.

        Returns:
            The thresholds training uses from the next step on.

        Raises:
            TrainingCollapsed: a density is not finite.
        """
        march, decay = self.settings.march, self.settings.grid_decay
        self.grid.start(0.0, decay)
        self.grid.update(self.learning_field, march.render_step_size, 0.0, decay, None, self._generator)
        densest = float(self.grid.occs.max())
        if not math.isnan(densest):
            self.set_march(lower_march_thresholds(march, densest))
        self.rebuild_grid()
        return self.settings.march

    def state_tensors(self) -> dict[str, Tensor]:
        """All tensors that the next step depends on, by name."""
        tensors = self._model.tensors() | {"generator": self._generator.get_state()}
        for name, parameter in self._model.parameters().items():
            for key, value in self._optimizer.state[parameter].items():
                tensors[f"optimizer.{name}.{key}"] = value
        return tensors

    def counters(self) -> dict[str, float]:
        """All numbers that the next step depends on, besides the settings."""
        return {
            "step_count": self.step_count,
            "seconds": self.seconds,
            "evaluations": self.n_evaluations,
            "samples_per_ray": self.samples_per_ray,
            "fruitless_steps": self._fruitless_steps,
            "grid_started_at": self._grid_started_at,
        }

    def load_state(self, tensors: dict[str, Tensor], counters: dict[str, float]) -> None:
        """Go on where `state_tensors` and `counters` were taken, on the same settings and dataset."""
        self._model.load(tensors)
        for name, parameter in self._model.parameters().items():
            state = under(f"optimizer.{name}.", tensors)
            self._optimizer.state[parameter] = {key: value.to(self.device) for key, value in state.items()}
        state = tensors["generator"]
        if state.shape == self._generator.get_state().shape:
            self._generator.set_state(state)
        else:  # another kind of device has another generator: training goes on, though not number for number
            self._generator.manual_seed(self.seed + int(counters["step_count"]))
        self.step_count, self.seconds = int(counters["step_count"]), float(counters["seconds"])
        self.samples_per_ray = float(counters["samples_per_ray"])
        self._fruitless_steps = int(counters["fruitless_steps"])
        self.n_evaluations = int(counters["evaluations"])
        self._grid_started_at = int(counters["grid_started_at"])

    def _find_gradients(self, n_rays: int, generator: torch.Generator) -> tuple[Tensor, Traced]:
        """Draw a batch, render it, and leave the gradients of what is wrong with it: the mean squared error of its
        colours, a number, and how they came about."""
        batch = self._views.sample(n_rays, generator, self._included)
        background = torch.rand(n_rays, 3, generator=generator, device=self.device)
        learning_sampler = self._model.learning_sampler
        if learning_sampler is not None:
            learning_sampler.at_step(self.step_count)
        march = self.settings.march
        field = ObservedField(self.learning_field, self.grid, march.render_step_size)
        traced = trace_rays(field, self.sampler, batch.rays, march, background, generator)
        target = batch.over(background)
        loss = error = mse_loss(traced.output.colors, target)
        if learning_sampler is not None:
            loss = error + learning_sampler.loss(traced.sampled, traced.weights, batch.rays, target, background)
        self._optimizer.drop_gradients()
        loss.backward()
        return error.detach(), traced

    def _update_grid(self) -> None:
        settings, march = self.settings, self.settings.march
        age = self.step_count - self._grid_started_at
        n_cells = None if age <= settings.grid_warmup_steps else settings.grid_samples
        self.grid.update(
            self.learning_field, march.render_step_size, march.occ_thre, settings.grid_decay, n_cells, self._generator
        )
        # values are at least -1, so their sum is no number only if one of them is none; and a largest byte is found far
        # sooner than any true one
        if math.isnan(float(self.grid.occs.sum())):
            raise self._collapsed(not_finite("the density of a grid cell", self.step_count, settings))
        if self.sampler.marches_grid and not int(self.grid.binaries.view(torch.uint8).max()):
            raise self._nothing_to_learn_from()

    def _collapsed(self, collapse: TrainingCollapsed) -> TrainingCollapsed:
        self._collapse, self._fruitless_steps = collapse.kind, 0
        return collapse

    def _nothing_to_learn_from(self) -> TrainingCollapsed:
        march, since = self.settings.march, self.step_count - max(self._fruitless_steps - 1, 0)
        empty = self.sampler.marches_grid and not any(self.grid.occupied(march.occ_thre))
        return self._collapsed(nothing_to_learn_from(empty, since, march))

    def _set_learning_rate(self, fraction: float) -> None:
        rate = learning_rate(self.settings, self.step_count, self.seconds, fraction)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["factor"]

    def _boxes(self) -> list[Box]:
        """Each grid level's."""
        return [tuple(aabb) for aabb in self.grid.aabbs.tolist()]

    def _guess_samples_per_ray(self) -> float:
        box = self.dataset.box
        return 0.5 * math.dist(box[:3], box[3:]) / self.settings.march.render_step_size


def _numbers(scalars: list[Tensor]) -> list[float]:
    """The values of scalar tensors; CUDA is waited for once."""
    if scalars[0].device.type == "cpu":
        return [float(x) for x in scalars]
    return torch.stack([x.double() for x in scalars]).tolist()
