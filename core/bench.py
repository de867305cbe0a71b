"""What each stage of training and viewing costs on this machine, and how near it comes to the machine's limits.

Stages are timed one by one on the samples that a trained field's own batch keeps, and reported as medians. A stage is
compared with the limit that binds it: matrix products with the rate of a large product in the same number format,
the rest with the bandwidth of a large copy. A share above 100% of the bandwidth means that caches serve the stage.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from core.cameras import Camera
from core.device import choose_device, describe_backend
from core.errors import FirstlightError
from core.fields.mlp import DTYPES
from core.kernels.hash_grid import hash_encode
from core.kernels.launch import n_threads
from core.kernels.marching import March, midpoints
from core.kernels.packed import accumulate_along_rays, render_weights
from core.opening import open_trainer
from core.rays import Rays, Samples
from core.rendering import render_image
from core.trainer import Trainer

_WARM_SECONDS = 10.0
"""Training before measuring: an untrained scene is a fog, and costs what no real one does."""

_VIEW_SIZES = (200, 800)
_BYTES_PER_SAMPLE = 12  # t_starts, t_ends, ray_indices


@dataclass(frozen=True)
class Machine:
    """Measured limits: matrix products of the networks' number format in GFLOP/s, large copies in GB/s."""

    gflops: float
    gigabytes_per_second: float
    n_threads: int


@dataclass(frozen=True)
class Stage:
    """One stage's median.

    Attributes:
        n_items: what it worked on: samples, or for a view rays.
        share: of the machine's limit, 1 is all of it; `limit` says which one.
    """

    name: str
    milliseconds: float
    n_items: int
    unit: str
    share: float | None = None
    limit: str = ""

    @property
    def items_per_second(self) -> float:
        return self.n_items / self.milliseconds * 1e3


def main(dataset: str, downscale: int = 1, device: str | None = None, seed: int = 0, output: str | None = None) -> int:
    """Measure, print the table and, with `output`, write it as JSON; an existing file is not replaced."""
    if output is not None and Path(output).exists():
        raise FirstlightError(f"{output} exists already, and a report replaces nothing: choose another name")
    if output is not None and not Path(output).parent.is_dir():
        raise FirstlightError(
            f"{output} can't be written: {Path(output).parent} is no folder; make it, or choose another"
        )
    console = Console()
    device = choose_device(device)
    trainer = open_trainer(dataset, downscale, device, seed)
    with console.status(f"training {trainer.dataset.name} for {_WARM_SECONDS:g} s, to measure on a real scene"):
        while trainer.seconds < _WARM_SECONDS:
            trainer.step()
    machine = measure_machine(device, trainer.field_settings.precision)
    stages = measure_stages(trainer, machine)
    console.print(f"{trainer.dataset.name}, step {trainer.step_count}; {describe_backend(device)}")
    console.print(
        f"{machine.n_threads} threads; limits: {machine.gflops:.0f} GFLOP/s ({trainer.field_settings.precision} "
        f"product), {machine.gigabytes_per_second:.1f} GB/s (copy)"
    )
    console.print(_table(stages))
    if output is not None:
        report = {"machine": asdict(machine), "stages": [asdict(stage) for stage in stages]}
        Path(output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_machine(device: str, precision: str = "float32") -> Machine:
    """The two limits, each the best of several large runs."""
    a = torch.rand(2048, 2048, device=device).to(DTYPES[precision])
    source = torch.rand(1 << 26, device=device)
    target = torch.empty_like(source)
    product = min(_times(lambda: a @ a, device, repeats=8))
    copy = min(_times(lambda: target.copy_(source), device, repeats=8))
    return Machine(2 * 2048**3 / product / 1e9, 2 * source.nbytes / copy / 1e9, n_threads())


def measure_stages(trainer: Trainer, machine: Machine) -> list[Stage]:
    """Medians of the stages of a training step, of the step and of views; the trainer goes on training."""
    stages = [*_sampling_stages(trainer, machine)]
    steps, kept = [], []
    for _ in range(40):
        stats = trainer.step()
        steps.append(stats.seconds)
        kept.append(stats.n_samples)
    stages.append(Stage("training step", statistics.median(steps) * 1e3, int(statistics.median(kept)), "samples"))
    camera = trainer.dataset.test.cameras[0].to(trainer.device)
    for size in track(_VIEW_SIZES, "rendering views", transient=True):
        stages.append(_view_stage(trainer, camera.resized(size, size)))
    return stages


@torch.no_grad()
def _batch(trainer: Trainer) -> tuple[Rays, Samples]:
    """Rays of a training batch and the samples it keeps."""
    settings = trainer.settings
    generator = torch.Generator(trainer.device).manual_seed(0)
    n_rays = int(min(settings.max_rays, settings.target_samples / trainer.samples_per_ray))
    rays = trainer.dataset.train.to(trainer.device).sample(n_rays, generator).rays
    sampled = trainer.sampler.sample(trainer.field, rays, settings.march, generator, 8)
    return rays, sampled.samples


def _sampling_stages(trainer: Trainer, machine: Machine) -> list[Stage]:
    field, device, march = trainer.field, trainer.device, trainer.settings.march
    rays, samples = _batch(trainer)
    n = samples.n_samples
    positions, directions = midpoints(rays, samples)
    with torch.no_grad():
        features = hash_encode(positions, field.table, field.levels, field.box)
        sigmas, _ = field.density(positions)
    values = torch.rand(n, 5, device=device)  # colour, distance and opacity, as the path sums them
    n_levels, n_features = field.levels.shape[0], field.table.shape[1]
    encode_bytes = n * n_levels * (8 + 1) * n_features * 4
    flops = 2 * n * sum(weight.numel() for weight in (*field.density_layers, *field.color_layers))

    def bandwidth(name: str, run: Callable[[], object], n_bytes: float, n_items: int = n) -> Stage:
        seconds = statistics.median(_times(run, device))
        share = n_bytes / seconds / 1e9 / machine.gigabytes_per_second
        return Stage(name, seconds * 1e3, n_items, "samples", share, "bandwidth")

    def products(name: str, run: Callable[[], object], n_flops: float) -> Stage:
        seconds = statistics.median(_times(run, device))
        return Stage(name, seconds * 1e3, n, "samples", n_flops / seconds / 1e9 / machine.gflops, "products")

    grid = trainer.sampler.grid_state(march.occ_thre)
    every_ray = torch.arange(rays.rays_o.shape[0], dtype=torch.int32, device=device)

    def run_march() -> Samples:
        return March(grid, rays, march).round(every_ray, 64)

    def run_networks() -> Tensor:
        return field.color(field.decode(features)[1], directions)

    def run_composite() -> Tensor:
        weights, _ = render_weights(sigmas, samples.t_starts, samples.t_ends, samples.packed_info)
        return accumulate_along_rays(weights, values, samples.packed_info)

    n_marched = run_march().n_samples
    with torch.no_grad():
        stages = [
            bandwidth("march", run_march, n_marched * (_BYTES_PER_SAMPLE + 1), n_marched),
            bandwidth(
                "encode forward", lambda: hash_encode(positions, field.table, field.levels, field.box), encode_bytes
            ),
            products("networks forward", run_networks, flops),
            bandwidth("composite forward", run_composite, n * (3 + 5 + 2) * 4),
        ]
    encoded = hash_encode(positions, field.table, field.levels, field.box)
    grads = torch.ones_like(encoded)
    stages.insert(2, bandwidth("encode backward", lambda: encoded.backward(grads, retain_graph=True), 2 * encode_bytes))
    features.requires_grad_()
    stages.insert(4, products("networks forward and backward", lambda: run_networks().sum().backward(), 3 * flops))
    field.zero_grad(set_to_none=True)
    return stages


def _view_stage(trainer: Trainer, camera: Camera) -> Stage:
    background = torch.ones(3, device=trainer.device)
    march = trainer.settings.march

    def render() -> None:
        render_image(trainer.field, trainer.sampler, camera, march, background)

    seconds = statistics.median(_times(render, trainer.device, repeats=5))
    return Stage(f"view {camera.width}x{camera.height}", seconds * 1e3, camera.width * camera.height, "rays")


def _times(run: Callable[[], object], device: str, repeats: int = 25) -> list[float]:
    """Seconds of each of `repeats` runs, after two that warm up."""
    seconds = []
    for i in range(repeats + 2):
        began = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        if i >= 2:
            seconds.append(time.perf_counter() - began)
    return seconds


def _table(stages: list[Stage]) -> Table:
    table = Table("stage", "median ms", "items", "items/s", "share of the machine's limit")
    for column in table.columns[1:]:
        column.justify = "right"
    for stage in stages:
        share = "" if stage.share is None else f"{100 * stage.share:.0f}% of {stage.limit}"
        table.add_row(
            stage.name,
            f"{stage.milliseconds:.2f}",
            f"{stage.n_items:,} {stage.unit}",
            f"{stage.items_per_second / 1e6:.2f} M",
            share,
        )
    return table
