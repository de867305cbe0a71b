"""What each stage of training and viewing costs on this machine, and how close it comes to the machine's limits.

Stages are timed one by one on the samples that a batch of a trained field keeps, and reported as medians. Each is
compared with the limit that binds it: its matrix products at the rate of a large product in the same dtype, or its
memory traffic at the bandwidth of a large copy. More than 100% of the bandwidth means that caches serve the stage.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from core.commands.bench_report import Machine, Stage, Work, comparison_of, read_report, stage, table_of, write_report
from core.commands.bench_scaling import scaling_tables
from core.commands.progress import Bar, progress_bars
from core.config.read_options import AS_STORED, ReadOptions
from core.datasets.residence import views_on
from core.fields.mlp import DTYPES, products_in
from core.fields.ngp import NGPField
from core.files import check_new_file
from core.geometry.cameras import Camera
from core.geometry.rays import Rays
from core.kernels.marching import midpoints
from core.kernels.packed import Composited, composite
from core.kernels.runtime.device import choose_device, processor
from core.kernels.runtime.launch import n_threads
from core.rendering.backends import describe_backend
from core.rendering.render import first_round_size, render_image
from core.samplers.base import Sampled
from core.samplers.occupancy_grid import ObservedField
from core.training.batches import BatchSource
from core.training.build import Overrides, open_trainer
from core.training.methods import DEFAULT_FIELD
from core.training.trainer import Trainer

_WARM_SECONDS = 10.0
"""Seconds of training before measuring: an untrained scene is a fog, with costs that no real scene has."""

_VIEW_SIZES = (200, 400, 800)
_PRODUCT_SIZE = 2048  # rows and columns of the matrices whose product sets the limit
_COMPOSITED = 8  # numbers per sample: density, ends and colour in, weight and transmittance out


def main(
    dataset: str,
    reading: ReadOptions = AS_STORED,
    device: str | None = None,
    seed: int = 0,
    output: str | None = None,
    compare: str | None = None,
    scaling: bool = False,
    place: Mapping[str, Any] | None = None,
) -> int:
    """Measure and print the table.

    Args:
        place: values of `PlaceOverrides` by name.
        output: a new file for the figures, as JSON.
        compare: an earlier such file to print ratios against.
        scaling: also print how speed scales with threads, tables, batches and grids.
    """
    report = None if output is None else check_new_file(output, needs_folder=True)
    old = read_report(compare) if compare is not None else None
    console = Console()
    device = choose_device(device)
    overrides = Overrides(method={"field": DEFAULT_FIELD}, place=place or {})  # the same field for moving scenes too
    with progress_bars(Console(stderr=True)) as bars:
        trainer = open_trainer(dataset, reading, device, seed, Bar(bars, "opening").update, overrides)
    with console.status(f"training {trainer.dataset.name} for {_WARM_SECONDS:g} s, to measure on a real scene"):
        while trainer.seconds < _WARM_SECONDS:
            trainer.step()
    precision = products_in(_checked(trainer.field).settings.precision, torch.device(device))
    machine = measure_machine(device, precision)
    stages = measure_stages(trainer, machine)
    console.print(f"{trainer.dataset.name}, step {trainer.step_count}; {machine.processor}; {machine.backend}")
    console.print(f"{_limits(machine)} ({precision} product, copy)")
    console.print(table_of(stages))
    if old is not None:
        before = old[0]
        words = [before.processor or "unknown processor", before.backend or "unknown kernels", _limits(before)]
        console.print(f"{compare}: {'; '.join(words)}")
        if before.processor and before.processor != machine.processor:
            console.print("The processors differ: the ratios say more about these than about the program.")
        console.print(comparison_of(old[1], stages))
    if report is not None:
        write_report(report, machine, stages)
    for table in scaling_tables(trainer) if scaling else ():
        console.print(table)
    return 0


def _limits(machine: Machine) -> str:
    return f"{machine.n_threads} threads; limits: {machine.gflops:.0f} GFLOP/s, {machine.gigabytes_per_second:.1f} GB/s"


def measure_machine(device: str, precision: str = "float32") -> Machine:
    """Measure the two limits, each the best of several large runs."""
    a = torch.rand(_PRODUCT_SIZE, _PRODUCT_SIZE, device=device).to(DTYPES[precision])
    source = torch.rand(1 << 26, device=device)
    target = torch.empty_like(source)
    product = min(_times(lambda: a @ a, device, repeats=8))
    copy = min(_times(lambda: target.copy_(source), device, repeats=8))
    gflops, gigabytes_per_second = 2 * _PRODUCT_SIZE**3 / product / 1e9, 2 * source.nbytes / copy / 1e9
    return Machine(gflops, gigabytes_per_second, n_threads(), describe_backend(device), processor())


def measure_stages(trainer: Trainer, machine: Machine) -> list[Stage]:
    """Medians of a training step's stages, of whole steps and of views; the trainer keeps training."""
    stages = _sampling_stages(trainer, machine)
    steps = [trainer.step() for _ in range(40)]
    seconds, n_kept, n_marched = (
        statistics.median(getattr(x, name) for x in steps) for name in ("seconds", "n_samples", "n_marched")
    )
    work = step_work(_checked(trainer.field), n_kept, n_marched)
    stages.append(stage("training step", seconds, int(n_kept), "samples", work, machine))
    camera = trainer.dataset.test.cameras[0].to(trainer.device)
    for size in track(_VIEW_SIZES, "rendering views", transient=True):
        stages.append(_view_stage(trainer, camera.resized(size, size), machine))
    return stages


def encode_work(field: NGPField, n: float) -> Work:
    """Read a cell's eight vertices, in bfloat16 on a CPU, and write their interpolation, at every level."""
    n_read = 2 if field.table.device.type == "cpu" else 4
    return Work(n_bytes=n * field.levels.shape[0] * field.table.shape[1] * (8 * n_read + 4))


def scatter_work(field: NGPField, n: float) -> Work:
    """Read the interpolation's gradient, and add it to those of the eight vertices."""
    return Work(n_bytes=n * field.levels.shape[0] * field.table.shape[1] * (4 + 8 * (4 + 4)))


def density_work(field: NGPField, n: float) -> Work:
    return encode_work(field, n) + Work(2 * n * sum(weight.numel() for weight in field.density_layers))


def marched_work(field: NGPField, n: float) -> Work:
    """Densities without features."""
    hidden, last = field.density_layers
    return encode_work(field, n) + Work(2 * n * (hidden.numel() + last.shape[1]))


def color_work(field: NGPField, n: float) -> Work:
    return Work(2 * n * sum(weight.numel() for weight in field.color_layers))


def network_flops(field: NGPField, n: float) -> float:
    """FLOPs of all matrix products from the encoding to the colour."""
    return density_work(field, n).flops + color_work(field, n).flops


def step_work(field: NGPField, n_kept: float, n_marched: float) -> Work:
    """The least work of a training step: densities of marched samples, density and colour of kept ones with both
    gradients of each product, the scatter into the tables, and Adam over all parameters."""
    backward = Work(2 * network_flops(field, n_kept)) + scatter_work(field, n_kept)
    n_parameters = sum(x.numel() for x in field.parameters())
    # gradients are zeroed and summed; parameter and two moments read and written; the march's bfloat16 copy written
    adam = Work(n_bytes=n_parameters * (4 * 8 + 2))
    march = marched_work(field, n_marched)
    return march + density_work(field, n_kept) + color_work(field, n_kept) + backward + adam


def _checked(field: object) -> NGPField:
    """A trainer's field, which `main` opened as this one."""
    assert isinstance(field, NGPField)
    return field


@torch.no_grad()
def _rays(trainer: Trainer) -> Rays:
    """The rays of a training batch."""
    generator = torch.Generator(trainer.device).manual_seed(0)
    batches = BatchSource(views_on(trainer.device, trainer.dataset.train))
    return batches.draw(trainer.n_rays(1.0), generator).rays


@torch.no_grad()
def _sampled(trainer: Trainer, rays: Rays) -> Sampled:
    """The samples that a training step's march keeps, the same each time."""
    march, generator = trainer.effective_march, torch.Generator(trainer.device).manual_seed(0)
    field = ObservedField(_checked(trainer.learning_field), trainer.grid, march.render_step_size)
    return trainer.sampler.sample(
        field, rays, march, generator, first_round_size(rays.rays_o.shape[0], generator.device)
    )


def _sampling_stages(trainer: Trainer, machine: Machine) -> list[Stage]:
    field, device = _checked(trainer.learning_field), trainer.device
    rays = _rays(trainer)
    sampled = _sampled(trainer, rays)
    samples, n_marched = sampled.samples, int(sampled.n_marched.sum())
    n = samples.n_samples
    positions, directions = midpoints(rays._replace(times=None), samples)
    with torch.no_grad():
        features = field.encode(positions)
        sigmas, _ = field.density(positions)
    rgbs, background = torch.rand(n, 3, device=device), torch.ones(3, device=device)
    targets = torch.rand(rays.rays_o.shape[0], 3, device=device)
    networks = Work(network_flops(field, n))
    networks_and_gradients = Work(3 * networks.flops)

    def measured(name: str, run: Callable[[], object], work: Work, n_items: int = n) -> Stage:
        return stage(name, statistics.median(_times(run, device)), n_items, "samples", work, machine)

    def run_march() -> Sampled:
        return _sampled(trainer, rays)

    def run_encode() -> Tensor:
        return field.encode(positions)

    def run_density() -> tuple[Tensor, Tensor]:
        return field.density(positions)

    def run_networks() -> Tensor:
        return field.color(field.decode(features), directions)

    def run_networks_and_gradients() -> None:
        field.loss_seen(features, directions, samples, background, targets)[0].backward()

    def run_composite() -> Composited:
        return composite(sigmas, rgbs, samples.t_starts, samples.t_ends, samples.packed_info, background)

    with torch.no_grad():
        march = measured("march and its densities", run_march, marched_work(field, n_marched), n_marched)
        forward = measured("encode forward", run_encode, encode_work(field, n))
        density = measured("density without gradient", run_density, density_work(field, n))
        networks_forward = measured("networks forward", run_networks, networks)
        pixels = measured("composite forward", run_composite, Work(n_bytes=n * _COMPOSITED * 4))
    encoded = run_encode()
    grads = torch.ones_like(encoded)
    backward = measured("encode backward", lambda: encoded.backward(grads, retain_graph=True), scatter_work(field, n))
    features.requires_grad_()
    both = measured("networks and pixels with gradients", run_networks_and_gradients, networks_and_gradients)
    field.zero_grad(set_to_none=True)
    return [march, density, forward, backward, networks_forward, both, pixels]


def _view_stage(trainer: Trainer, camera: Camera, machine: Machine) -> Stage:
    background = torch.ones(3, device=trainer.device)
    field, sampler, march = _checked(trainer.field), trainer.sampler, trainer.effective_march
    out = render_image(field, sampler, camera, march, background)
    work = density_work(field, int(out.n_marched.sum())) + color_work(field, int(out.n_kept.sum()))

    def render() -> None:
        render_image(field, sampler, camera, march, background)

    seconds = statistics.median(_times(render, trainer.device, repeats=5))
    n_rays = camera.width * camera.height
    return stage(f"view {camera.width}x{camera.height}", seconds, n_rays, "rays", work, machine)


def _times(run: Callable[[], object], device: str, repeats: int = 25) -> list[float]:
    """Seconds of each of `repeats` runs, after two warm-up runs."""
    seconds = []
    for i in range(repeats + 2):
        began = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        if i >= 2:
            seconds.append(time.perf_counter() - began)
    return seconds
