"""How speed scales: training steps with other numbers of threads, table entries, samples, cells and views."""

import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from rich.progress import track
from rich.table import Table

from core.commands.bench_report import figures_table
from core.kernels.runtime.launch import n_threads, using_threads
from core.training.trainer import Trainer

_WARM_STEPS, _STEPS = 60, 12
_TABLES, _BATCHES, _GRIDS = range(14, 20), range(12, 19), (64, 128, 256)
_VIEW_SHARES = (0.1, 0.3, 1.0)


def scaling_tables(trainer: Trainer) -> Iterator[Table]:
    """Median step times of trainers that differ from a given one in a single setting, after some warm-up steps.

    The given trainer isn't changed.
    """
    field, training = trainer.field_settings, trainer.settings
    if trainer.device == "cpu":
        counts = sorted({1 << n for n in range(n_threads().bit_length())} | {n_threads()})
        yield _table("threads", counts, lambda n: _similar_trainer(trainer), using_threads)
    yield _table(
        "entries of a level's table, 2^n",
        _TABLES,
        lambda n: _similar_trainer(trainer, field=replace(field, log2_hashmap_size=n)),
    )
    yield _table(
        "samples of a step, 2^n",
        _BATCHES,
        lambda n: _similar_trainer(trainer, training=replace(training, target_samples=1 << n, max_rays=1 << n)),
    )
    yield _table(
        "occupancy cells a side",
        _GRIDS,
        lambda n: _similar_trainer(trainer, training=replace(training, grid_resolution=n)),
    )
    n_views = len(trainer.dataset.train)
    views = sorted({max(1, round(share * n_views)) for share in _VIEW_SHARES})
    yield _table("training views", views, lambda n: _similar_trainer(trainer, excluded=frozenset(range(n, n_views))))


def _similar_trainer(trainer: Trainer, field=None, training=None, excluded: frozenset[int] | None = None) -> Trainer:
    """An untrained trainer on the same views, with other settings."""
    return Trainer(
        trainer.dataset,
        field or trainer.field_settings,
        training or trainer.settings,
        trainer.device,
        trainer.seed,
        trainer.excluded if excluded is None else excluded,
    )


def _table(
    what: str,
    values: Iterable[int],
    make: Callable[[int], Trainer],
    while_using: Callable[[int], AbstractContextManager] = nullcontext,
) -> Table:
    table = figures_table(what, "step ms", "kept samples", "samples/s")
    for value in track(values, what, transient=True):
        with while_using(value):
            trainer = make(value)
            steps = [trainer.step() for _ in range(_WARM_STEPS + _STEPS)][_WARM_STEPS:]
        seconds = statistics.median(x.seconds for x in steps)
        n_samples = statistics.median(x.n_samples for x in steps)
        table.add_row(f"{value}", f"{1e3 * seconds:.1f}", f"{n_samples:,.0f}", f"{n_samples / seconds / 1e6:.2f} M")
    return table
