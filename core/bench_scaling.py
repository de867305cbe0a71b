"""How speed grows with the work: training steps with other threads, tables, batches, grids and numbers of views."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace

from rich.progress import track
from rich.table import Table

from core.kernels.launch import n_threads, set_threads
from core.trainer import Trainer

_WARM_STEPS, _STEPS = 60, 12
_TABLES, _BATCHES, _GRIDS = range(14, 20), range(12, 19), (64, 128, 256)
_VIEW_SHARES = (0.1, 0.3, 1.0)


def scaling_tables(trainer: Trainer) -> Iterator[Table]:
    """Median steps of trainers that differ from one in a single thing; each is trained for a few steps first.

    Its own views and settings are the starting point; it is not changed.
    """
    field, training = trainer.field_settings, trainer.settings
    if trainer.device == "cpu":
        before = n_threads()
        try:
            counts = sorted({1 << n for n in range(before.bit_length())} | {before})
            yield _table("threads", counts, lambda n: set_threads(n) or _like(trainer))
        finally:
            set_threads(before)
    yield _table(
        "entries of a level's table, 2^n",
        _TABLES,
        lambda n: _like(trainer, field=replace(field, log2_hashmap_size=n)),
    )
    yield _table(
        "samples of a step, 2^n",
        _BATCHES,
        lambda n: _like(trainer, training=replace(training, target_samples=1 << n, max_rays=1 << n)),
    )
    yield _table(
        "occupancy cells a side", _GRIDS, lambda n: _like(trainer, training=replace(training, grid_resolution=n))
    )
    n_views = len(trainer.dataset.train)
    views = sorted({max(1, round(share * n_views)) for share in _VIEW_SHARES})
    yield _table("training views", views, lambda n: _like(trainer, excluded=frozenset(range(n, n_views))))


def _like(trainer: Trainer, field=None, training=None, excluded: frozenset[int] | None = None) -> Trainer:
    """A fresh trainer on the same views."""
    return Trainer(
        trainer.dataset,
        field or trainer.field_settings,
        training or trainer.settings,
        trainer.device,
        trainer.seed,
        trainer.excluded if excluded is None else excluded,
    )


def _table(what: str, values, make: Callable[[int], Trainer]) -> Table:
    table = Table(what, "step ms", "kept samples", "samples/s")
    for column in table.columns:
        column.justify = "right"
    for value in track(values, what, transient=True):
        trainer = make(value)
        steps = [trainer.step() for _ in range(_WARM_STEPS + _STEPS)][_WARM_STEPS:]
        seconds = statistics.median(x.seconds for x in steps)
        n_samples = statistics.median(x.n_samples for x in steps)
        table.add_row(f"{value}", f"{1e3 * seconds:.1f}", f"{n_samples:,.0f}", f"{n_samples / seconds / 1e6:.2f} M")
    return table
