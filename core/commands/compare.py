"""Compares methods without a window: each trains for the same time on the same views; the results go to compare.csv and
compare.png."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from core.commands.comparison_report import Outcome, write_csv
from core.commands.plots import save_comparison
from core.commands.progress import Bar, progress_bars
from core.commands.timed_run import Goal, TimedRun, evaluate_views, train_run
from core.config.contractions import contraction_named
from core.config.read_options import AS_STORED, ReadOptions
from core.datasets import open_dataset
from core.datasets.bounds.scene_bounds import apply_place_overrides
from core.datasets.dataset import Dataset
from core.errors import DatasetError, FirstlightError
from core.fields import FIELDS, make_field
from core.fields.domain import space_of
from core.files import new_folder
from core.kernels.runtime.device import choose_device
from core.rendering.render import render_image
from core.samplers import SAMPLERS
from core.training.build import Overrides, new_trainer, rehearse, settings_for
from core.training.collapse import with_flags
from core.training.methods import DEFAULT_SAMPLER

_MARKS = 12
"""How many times each method is measured; more often at the start, where most is learnt."""


def compare_methods(
    dataset: str,
    methods: str,
    seconds: float,
    output: str | Path,
    n_views: int = 8,
    reading: ReadOptions = AS_STORED,
    device: str | None = None,
    seed: int = 0,
    place: Mapping[str, Any] | None = None,
    console: Console | None = None,
) -> list[Outcome]:
    """Train each of some methods for the same time, print a table and write compare.csv and compare.png.

    Ctrl-C ends the comparison; the methods that finished before are drawn and written.

    Args:
        methods: "field+sampler" or "field+sampler+contraction", separated by commas.
        seconds: training time of each; opening and measuring don't count.
        output: a folder that is absent or empty.
        n_views: held-out views, spread over all of them, that are measured at the end.

    Raises:
        FirstlightError: the folder is in use; the dataset or the device is wrong, or no view is held out; a field of
            the user's own can't be loaded.
        ValueError: a method doesn't exist or doesn't suit the dataset, or a number is out of range.
    """
    chosen = parse_methods(methods)
    if not 0.0 < seconds < float("inf"):
        raise ValueError(f"each method trains for a positive, finite time, got {seconds:g} seconds")
    if n_views < 1:
        raise ValueError(f"methods are compared on at least 1 view, got {n_views}")
    device, console, folder = choose_device(device), console or Console(), new_folder(output)
    with progress_bars(Console(stderr=True)) as bars:
        opened = apply_place_overrides(open_dataset(dataset, reading, Bar(bars, "opening").update), place or {})
        if not len(opened.test):
            raise DatasetError(f"{opened.path}: methods are compared on held-out views, found none: add some")
        of_methods = [_overrides(method, seconds) for method in chosen]
        for overrides in of_methods:  # a method that can't train is refused before any trains
            settings = settings_for(opened, device, overrides)
            make_field(settings.field, space_of(opened, settings.train))
        for note in opened.notes:
            console.print(f"note: {note}", highlight=False)
        outcomes = []
        for method, overrides in zip(chosen, of_methods, strict=True):
            name = "+".join(method)
            trainer = new_trainer(opened, device, seed, overrides)
            rehearse(trainer)
            run = train_run(trainer, Goal(seconds), Bar(bars, name), marks_until(seconds))
            if run.interrupted:  # it trained for less time than the others and can't be compared
                break
            for note in trainer.notes:
                console.print(f"note: {name}: {note}", highlight=False)
            outcomes.append(_outcome(name, run, n_views))
            write_csv(folder / "compare.csv", outcomes)  # finished methods are kept whatever happens
    if not outcomes:
        raise FirstlightError("the comparison was cancelled before its first method was done: nothing is written")
    save_comparison(folder / "compare.png", _title(opened, seconds), outcomes, _photo(opened))
    console.print(_title(opened, seconds), highlight=False)
    console.print(_table(outcomes))
    for outcome in outcomes:
        if outcome.collapse:
            line = f"{outcome.method} collapsed: {outcome.collapse}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return outcomes


def parse_methods(text: str) -> list[tuple[str, ...]]:
    """The names of a field, a sampler and perhaps a contraction for each method of
    "field+sampler,field+sampler+contraction"; a field alone has the default sampler.

    Raises:
        ValueError: there is no such field, sampler or contraction, no method, or one twice.
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        path, colon, names = part.rpartition(":")  # a field of the user's own, whose path may contain a +
        name, _, rest = (word.strip() for word in names.partition("+"))
        sampler, _, contraction = (word.strip() for word in rest.partition("+"))
        field = path + colon + name
        FIELDS.named(field)
        SAMPLERS.named(sampler or DEFAULT_SAMPLER)
        if contraction:
            contraction_named(contraction)
        found.append((field, sampler or DEFAULT_SAMPLER, *filter(None, [contraction])))
    if not found:
        raise ValueError(f"expected methods such as ngp+occupancy,mlp+stratified, got {text!r}: name at least one")
    if len(set(found)) < len(found):
        raise ValueError(f"each method is compared once, got {text!r}: name none twice")
    return found


def marks_until(seconds: float) -> list[float]:
    """Training times at which a run is measured, at growing intervals; the last is its end."""
    total = _MARKS * (_MARKS + 1) / 2
    return [seconds * i * (i + 1) / 2 / total for i in range(1, _MARKS + 1)]


def _overrides(method: tuple[str, ...], seconds: float) -> Overrides:
    names: dict[str, str] = dict(zip(("field", "sampler", "contraction"), method, strict=False))
    return Overrides(method=names, training={"horizon_seconds": seconds})


def _outcome(name: str, run: TimedRun, n_views: int) -> Outcome:
    trainer = run.trainer
    test = evaluate_views(trainer, trainer.dataset.test.spread(n_views))
    camera = trainer.dataset.test.cameras[_shown_view(trainer.dataset)].to(trainer.device)
    out = render_image(trainer.field, trainer.sampler, camera, trainer.effective_march, camera.c2w.new_ones(3))
    return Outcome(
        name,
        test.psnr,
        test.ssim,
        float(out.n_marched.float().mean()),
        run.n_rays / max(trainer.seconds, 1e-9),
        trainer.step_count,
        tuple(run.history),
        out.colors.clamp(0.0, 1.0).cpu(),
        "" if run.collapse is None else with_flags(run.collapse),
    )


def _shown_view(dataset: Dataset) -> int:
    """The held-out view that is drawn: the middle one, since the first are often closest to training views."""
    return len(dataset.test) // 2


def _photo(dataset: Dataset) -> Tensor:
    return dataset.test.photo(_shown_view(dataset), torch.ones(3))


def _title(dataset: Dataset, seconds: float) -> str:
    camera = dataset.test.cameras[_shown_view(dataset)]
    return f"{dataset.name} at {camera.width}x{camera.height}, {seconds:g} s of training for each"


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("method", "PSNR", "SSIM", "evaluations/ray", "rays/s", "steps")
    for column in table.columns[1:]:
        column.justify = "right"
    best = max(outcomes, key=lambda outcome: outcome.psnr)
    for outcome in outcomes:
        table.add_row(
            outcome.method + (" (collapsed)" if outcome.collapse else ""),
            f"{outcome.psnr:.2f} dB",
            f"{outcome.ssim:.3f}",
            f"{outcome.evaluations_per_ray:.1f}",
            f"{outcome.rays_per_second:,.0f}",
            f"{outcome.steps:,}",
            style="bold" if outcome is best else None,
        )
    return table
