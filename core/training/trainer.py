"""Training, one step at a time, on the one path. No threads, no sleeping, no window."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.config.training import TrainSettings
from core.datasets.bounds.coverage import Coverage
from core.datasets.bounds.initial_cells import possible_cells
from core.datasets.dataset import Dataset
from core.datasets.residence import views_on, why_on_host
from core.errors import FirstlightError, TrainingCollapsed
from core.fields.base import FieldSettings
from core.kernels.runtime.gpu_memory import attempt, full
from core.rendering.render import Traced
from core.samplers.base import SamplerSettings
from core.samplers.occupancy import OccupancySettings
from core.training.batch_memory import BatchMemory
from core.training.batches import BatchSource, guess_samples_per_ray, restore_generator
from core.training.collapse import CollapseWatch, lower_march_thresholds
from core.training.gradients import add_gradients
from core.training.grid_upkeep import GridUpkeep
from core.training.model import Model, under
from core.training.optimizer import Adam
from core.training.rehearsal import N_REHEARSED, rehearse
from core.training.rollback import LastGood, SavedState
from core.training.schedule import batch_share, entropy_share, learning_rate
from core.training.slices import SlicedBatch
from core.training.stats import TrainStats, to_numbers


class Trainer:
    """Owns field, sampler, optimiser and generator, and advances them together.

    Args:
        dataset: its training views are moved to the device, if they fit beside what training needs.
        seed: the same seed gives the same first losses on a CPU.
        excluded: indices of training views to begin without, see `exclude`; their silhouettes don't carve either.
        sampler_settings: the settings of a sampler, which say which one it is.

    Attributes:
        field: what is shown and measured: the running mean of `learning_field`, see `core.training.averaging`; a field
            of the user's own is shown itself.
        learning_field: what the steps update.
        grid: the occupancy grid, kept up to date with every sampler: it shows where the scene is.
        sampler: what places samples on rays.
        n_evaluations: densities evaluated by all steps, with gradient and without.
        notes: sentences for the user, about what the GPU's memory doesn't suffice for; whoever shows one removes it.

    Raises:
        ValueError: see `exclude` and `space_of`.
    """

    def __init__(
        self,
        dataset: Dataset,
        field_settings: FieldSettings,
        train_settings: TrainSettings,
        device: str = "cpu",
        seed: int = 0,
        excluded: frozenset[int] = frozenset(),
        sampler_settings: SamplerSettings = OccupancySettings(),
    ):
        self.dataset, self.device, self.seed = dataset, device, seed
        self.field_settings, self.sampler_settings, self.settings = field_settings, sampler_settings, train_settings
        self.step_count, self.seconds, self.n_evaluations, self._batch = 0, 0.0, 0, SlicedBatch()
        self._memory = BatchMemory(device)
        self._batches = BatchSource(views_on(device, dataset.train), excluded)
        self.notes = self._memory.notes
        self.notes += filter(None, [why_on_host(self._batches.views)])
        self._generator = torch.Generator(device).manual_seed(seed)
        weights = torch.Generator("cpu").manual_seed(seed)
        self._model = Model(dataset, field_settings, sampler_settings, train_settings, device, weights)
        self.field, self.learning_field = self._model.shown, self._model.field
        self.grid, self.sampler = self._model.grid, self._model.sampler
        seen = self._batches.views, self.grid.boxes, train_settings.grid_resolution, self._batches.included
        self.grid.start(train_settings.march.occ_thre, train_settings.grid_decay, possible_cells(*seen))
        readers = self.learning_field.rounded_readers()
        self._optimizer = Adam(self._model.groups(), train_settings.learning_rate, readers)
        self._upkeep = GridUpkeep(self.grid, self.learning_field)
        self._last_good, self._watch = LastGood(), CollapseWatch()
        self.samples_per_ray = guess_samples_per_ray(dataset.box, train_settings.march)

    def step(self, fraction: float = 1.0) -> TrainStats:
        """Learn from a batch, or from a slice of one: gradients add up until it is complete, then the weights change.

        Args:
            fraction: the slice, as a share of the usual batch, in (0, 1]; the last one is what the batch still lacks.

        Raises:
            TrainingCollapsed: the loss, its gradient or a density is not finite (no step is taken), no cell is
                occupied, or many steps in a row kept no sample. `rebuild_grid`, `lower_thresholds` and
                `restore_last_good` are remedies.
            OutOfMemory: the GPU's memory doesn't suffice for any slice.
        """
        began = time.perf_counter()
        fraction = self._memory.limited(fraction, self.settings.target_samples)
        error, traced = self._memory.run(
            lambda part: self._learn_slice(part * fraction, self._generator),
            lambda found: found[1].sampled.samples.n_samples,
        )
        batch, n_rays = self._batch, traced.output.n_marched.shape[0]
        sums = self._optimizer.gradient_sums() if n_rays == batch.n_left else []
        value, *gradients, n_marched = to_numbers([error, *sums, traced.output.n_marched.sum()])
        if not all(map(math.isfinite, [value, *gradients])):
            raise self._watch.not_finite(f"the loss ({value:g}) or its gradient", self.step_count + 1, self.settings)
        n_samples, n_marched = traced.sampled.samples.n_samples, int(n_marched)
        batch.add(n_rays, value, n_samples, n_samples + traced.sampled.n_learnt)
        # if the march evaluated densities, those of the kept samples were evaluated again, with gradient
        self.n_evaluations += n_marched + (n_samples if traced.sampled.sigmas is not None else 0)
        if not batch.n_left:
            self._take_step(batch)
        seconds = time.perf_counter() - began
        self.seconds += seconds
        return TrainStats(self.step_count, not batch.n_left, batch.error, n_rays, n_marched, n_samples, seconds)

    def rehearse(self, *others: Callable[[], object]) -> None:
        """Compile the kernels: run a small step and a grid update without keeping their results, and on a CPU beside
        them `others`, which only read the model. An unfinished batch begins anew. See `core.training.rehearsal`."""
        one, two = (torch.Generator(self.device).manual_seed(self.seed) for _ in range(2))
        self._batch = SlicedBatch(n_rays=min(N_REHEARSED, self.n_rays(1.0)))
        step = partial(self._learn_slice, 1.0, one)
        upkeep = partial(self._upkeep.rehearse, self.settings, N_REHEARSED, two)
        try:
            rehearse(self._model, [step, *others, upkeep])
        finally:
            self._forget_batch()

    def n_rays(self, fraction: float) -> int:
        """Rays of a step that is to learn from a fraction of the target number of samples."""
        n_rays = fraction * self.settings.target_samples / self.samples_per_ray
        return int(min(self.settings.max_rays, max(32, n_rays)))

    @cached_property
    def coverage(self) -> Coverage:
        """How many training cameras see each grid cell; nothing is counted until it is asked for."""
        return Coverage(self._batches.views.cameras, self.grid.boxes, self.settings.grid_resolution)

    @property
    def effective_march(self) -> MarchSettings:
        """Training's thresholds as they act, see `TrainSettings.occ_thre_rule`."""
        return self._upkeep.effective_march(self.settings)

    def set_march(self, march: MarchSettings) -> None:
        """Train with other thresholds from the next step on."""
        self.settings = replace(self.settings, march=march)

    def turn_up(self, up: tuple[float, float, float]) -> None:
        """Change the scene's up to another unit vector; nothing that is learnt depends on it."""
        self.dataset = replace(self.dataset, up=up)

    def exclude(self, views: frozenset[int]) -> None:
        """Train without these training views, and with all others, from the next step on.

        Raises:
            ValueError: no view would be left, or there is no such view; nothing changes.
        """
        self._batches.exclude(views)

    @property
    def excluded(self) -> frozenset[int]:
        """The training views that are never sampled."""
        return self._batches.excluded

    @property
    def last_good(self) -> SavedState | None:
        """The state that `restore_last_good` goes back to; None until training has gone well for some seconds."""
        return self._last_good.good

    def restore_last_good(self) -> int:
        """Go back to the newest state after which training went well for some seconds; returns its step.

        Its thresholds return, too. Training then diverges from the first run: the generator is not rewound, so other
        batches are drawn. After a value that was not finite the learning rate is halved.

        Raises:
            FirstlightError: no such state is kept yet.
        """
        good = self._last_good.good
        if good is None:
            raise FirstlightError("no good state is kept so early in training: reset training instead")
        self.load_state(good.copies() | {"generator": self._generator.get_state()}, good.counters)
        self.settings = replace(self._watch.gentler(self.settings), march=good.march)
        self._last_good.discard_pending()
        self._watch.kind = None
        return good.step

    def rebuild_grid(self) -> None:
        """Restart the occupancy grid as on the first step, from the field's present density.

        Every cell that may be occupied is occupied until it proves empty again; this update and those until the grid is
        warm evaluate all cells.

        Raises:
            TrainingCollapsed: a density is not finite.
        """
        self._watch.fruitless_steps = 0
        self.samples_per_ray = guess_samples_per_ray(self.dataset.box, self.settings.march)
        self._upkeep.restart(self.settings, self.step_count)
        self._update_grid()

    def lower_thresholds(self) -> MarchSettings:
        """Lower training's alpha and occupancy thresholds until the field's densest cell clearly passes both.

        Each is divided by ten, at least once; the grid is rebuilt. Returns the thresholds of the steps to come.

        Raises:
            TrainingCollapsed: a density is not finite.
        """
        densest = self._upkeep.densest(self.settings, self._generator)
        self.set_march(lower_march_thresholds(self.settings.march, densest))
        self.rebuild_grid()
        return self.settings.march

    def state_tensors(self) -> dict[str, Tensor]:
        """All tensors that the next step depends on, by name."""
        moments = self._optimizer.tensors(self._model.parameters())
        tensors = self._model.tensors() | {"generator": self._generator.get_state()}
        return tensors | {f"optimizer.{name}": value for name, value in moments.items()}

    def counters(self) -> dict[str, float]:
        """All numbers that the next step depends on, apart from the settings."""
        return {
            "step_count": self.step_count,
            "seconds": self.seconds,
            "evaluations": self.n_evaluations,
            "samples_per_ray": self.samples_per_ray,
            "fruitless_steps": self._watch.fruitless_steps,
            "grid_started_at": self._upkeep.started_at,
            **self._batch.counters(),
        }

    def load_state(self, tensors: dict[str, Tensor], counters: dict[str, float]) -> None:
        """Continue from what `state_tensors` and `counters` returned, with the same settings and dataset."""
        self._model.load(tensors)
        self._optimizer.load(self._model.parameters(), under("optimizer.", tensors))
        restore_generator(self._generator, tensors["generator"], self.seed + int(counters["step_count"]))
        self.step_count, self.seconds = int(counters["step_count"]), float(counters["seconds"])
        self.samples_per_ray = float(counters["samples_per_ray"])
        self._watch.fruitless_steps = int(counters["fruitless_steps"])
        self.n_evaluations = int(counters["evaluations"])
        self._upkeep.started_at = int(counters["grid_started_at"])
        self._batch = SlicedBatch.restored(counters)

    def _forget_batch(self) -> None:
        self._batch = SlicedBatch()
        self._optimizer.drop_gradients()

    def _take_step(self, batch: SlicedBatch) -> None:
        """Change the weights by the gradients of a complete batch, and do all that follows a step."""
        if batch.n_samples:  # without samples there is no gradient, and Adam's momentum alone would move the weights
            self._optimizer.set_rate(learning_rate(self.settings, self.step_count, self.seconds, batch.share))
            if attempt(self._optimizer.step) is None:
                raise full("the running means of the weights' gradients don't fit")
            self.samples_per_ray = 0.8 * self.samples_per_ray + 0.2 * batch.n_learnt / batch.n_rays
        self._forget_batch()
        self.step_count += 1
        self._model.follow(self.step_count)
        if self._watch.count(batch.n_samples):
            raise self._nothing_to_learn_from()
        if self.step_count % self.settings.grid_update_every == 0:
            self._update_grid()
        if batch.n_samples and self._last_good.due(self.step_count, self.seconds):
            self._last_good.keep(self.state_tensors(), self.counters(), self.settings.march)

    def _learn_slice(self, fraction: float, generator: torch.Generator) -> tuple[Tensor, Traced]:
        """Add the gradients of the next slice. After a step, and after a slice that failed halfway, a batch begins."""
        if self._batch.is_broken or not self._batch.n_left:
            self._forget_batch()
            share = batch_share(self.step_count, fraction)
            self._batch = SlicedBatch(share, self.n_rays(share))
        n_rays = self._batch.next_slice(fraction)
        batch, weight = self._batches.draw(n_rays, generator), n_rays / self._batch.n_rays
        march, entropy = self.effective_march, entropy_share(self.settings, self.step_count)
        return add_gradients(batch, self._model, march, entropy, self.step_count, weight, generator)

    def _update_grid(self) -> None:
        self._upkeep.update(self.settings, self.step_count, self._generator)
        if self._upkeep.has_nan():
            raise self._watch.not_finite("the density of a grid cell", self.step_count, self.settings)
        if self.sampler_settings.marches_grid and self._upkeep.is_empty():
            raise self._nothing_to_learn_from()

    def _nothing_to_learn_from(self) -> TrainingCollapsed:
        march = self.effective_march
        is_empty = self.sampler_settings.marches_grid and not any(self.grid.occupied(march.occ_thre))
        return self._watch.nothing_to_learn_from(is_empty, self.step_count, march)
