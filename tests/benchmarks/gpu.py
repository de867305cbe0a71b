#!/usr/bin/env python3
"""Measure a CUDA GPU for RESULTS.md, with both backends: python -m tests.benchmarks.gpu DATASET

Prints Markdown: whether the kernels agree, PSNR after short and long training, memory, views while the camera moves,
each stage against the GPU's limits, and where a step's time goes. Takes about five minutes, and a few more to build
nerfacc's kernels. `--settings` compares presets instead, by short runs with some settings changed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch.profiler import ProfilerActivity, profile

from core.commands.bench import measure_machine, measure_stages
from core.commands.bench_report import Machine, Stage
from core.commands.train import train_and_report
from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.errors import BackendUnavailable
from core.kernels.runtime.device import choose_device
from core.process import configure
from core.rendering.backends import choose_backend
from core.rendering.metrics import evaluate
from core.training.build import Overrides, new_trainer, rehearse
from core.training.snapshot import load_snapshot
from core.training.trainer import Trainer
from tests.viewer.live import view_request
from viewer.session.session import LocalSession

_EQUALITY = ("tests/core/kernels/test_on_cuda.py", "tests/core/kernels/test_backends.py")
_SIZE = 800
_PROFILED_STEPS, _MOST_OPERATIONS = 16, 24
_VIEWING_SECONDS = 8.0

_SHORT_SECONDS = 6.0
_SETTINGS: dict[str, dict[str, dict]] = {
    "preset": {},
    "batches of 2^17 samples": {"training": {"target_samples": 1 << 17}},
    "batches of 2^19 samples": {"training": {"target_samples": 1 << 19, "max_rays": 1 << 19}},
    "steps of 0.005": {"thresholds": {"render_step_size": 5e-3}},
    ".. and batches of 2^19": {
        "thresholds": {"render_step_size": 5e-3},
        "training": {"target_samples": 1 << 19, "max_rays": 1 << 19},
    },
    ".. and alpha threshold and early stop of 0.001": {
        "thresholds": {"render_step_size": 5e-3, "alpha_thre": 1e-3, "early_stop_eps": 1e-3}
    },
    "steps of 0.01, alpha threshold 0.005, early stop 0.001": {
        "thresholds": {"render_step_size": 1e-2, "alpha_thre": 5e-3, "early_stop_eps": 1e-3}
    },
    "a rate of 0.02": {"training": {"learning_rate": 2e-2}},
    "8 levels of 4 features": {"field": {"n_levels": 8, "n_features": 4}},
    "tables of 2^18 entries": {"field": {"log2_hashmap_size": 18}},
}
"""Candidates to replace the CUDA preset: the settings that each changes, by its name; see `Overrides`."""


def main() -> None:
    configure()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", help="Lego: the goals are stated for it")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 60.0], help="training times, one run each")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--downscale", type=int, default=1)
    parser.add_argument("--settings", action="store_true", help="compare settings by short runs, and nothing else")
    args = parser.parse_args()
    device = choose_device(args.device)
    if args.settings:
        _compare_settings(args.dataset, args.downscale, device)
        return
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}; Python {sys.version.split()[0]}; {_equality()}\n")
    for backend_name in ("warp", "nerfacc"):
        try:
            backend = choose_backend(backend_name, device, say=lambda text: print(text, file=sys.stderr))
        except BackendUnavailable as error:
            print(f"## {backend_name}\n\n{error}\n")
            continue
        print(f"## {backend.name}\n", flush=True)
        _measure(args.dataset, args.downscale, args.seconds, device)


def _compare_settings(path: str, downscale: int, device: str) -> None:
    """Print the PSNR that short runs with some settings changed reach."""
    dataset, background = open_dataset(path, ReadOptions(downscale)), torch.ones(3, device=device)
    print(f"| {_SHORT_SECONDS:g} s of training, {device} | PSNR of five views | steps | ms a step | rays a step |")
    print("|---|---|---|---|---|")
    for name, changes in _SETTINGS.items():
        training = {"horizon_seconds": _SHORT_SECONDS, **changes.get("training", {})}
        trainer = new_trainer(dataset, device, 0, Overrides(**{**changes, "training": training}))
        rehearse(trainer)
        done = [trainer.step()]
        while trainer.seconds < _SHORT_SECONDS:
            done.append(trainer.step())
        views, march = dataset.test.spread(5), trainer.settings.march
        psnr = evaluate(trainer.field, trainer.sampler, views, march, background).psnr
        milliseconds, n_rays = 1e3 * median(x.seconds for x in done), int(median(x.n_rays for x in done))
        print(f"| {name} | {psnr:.2f} dB | {len(done)} | {milliseconds:.2f} | {n_rays:,} |", flush=True)


def _equality() -> str:
    """The last line of the tests that compare the kernels on this device with their twins and with each other."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", *_EQUALITY], capture_output=True, text=True)
    return "kernels: " + (done.stdout.strip().split("\n") or [""])[-1].strip("= ")


def _measure(dataset: str, downscale: int, seconds: list[float], device: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reports = []
        print(
            "| training time | PSNR of all test views | steps | M samples/s | peak GPU memory |\n|---|---|---|---|---|"
        )
        for i, goal in enumerate(seconds):
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            report = train_and_report(
                dataset, Path(folder) / str(i), goal, reading=ReadOptions(downscale), device=device
            )
            reports.append(report)
            speed, memory = report["samples_per_second"] / 1e6, report.get("peak_gpu_memory_mb", 0.0)
            psnr, steps = report["test"]["psnr"], report["steps"]
            print(f"| {goal:g} s | {psnr:.2f} dB | {steps} | {speed:.2f} | {memory:.0f} MB |", flush=True)
        history = ", ".join(f"{point['psnr']:.1f} dB at {point['seconds']:.0f} s" for point in reports[-1]["history"])
        print(f"\nDuring training, on four views: {history}\n")
        snapshot = Path(folder) / str(len(seconds) - 1) / "snapshot.safetensors"
        _print_views(snapshot, device, reports[-1]["samples_per_second"])
        trainer = load_snapshot(snapshot, device)
        machine = measure_machine(device, trainer.field_settings.precision)
        _print_stages(measure_stages(trainer, machine), machine)
        _print_step(trainer, device)


def _print_views(snapshot: Path, device: str, alone: float) -> None:
    """Print how many new views per second a moving camera gets, with a session advanced tick by tick."""
    session = LocalSession(device)
    session.open(str(snapshot))
    session.tick()
    print(f"| camera moves, {_SIZE}x{_SIZE} asked for | views/s | rendered size | training's samples/s against alone |")
    print("|---|---|---|---|")
    for state in ("training", "paused"):
        if state == "paused":
            session.pause()
        frames, began = [], time.perf_counter()
        while time.perf_counter() - began < _VIEWING_SECONDS:
            scene, before = session.status.scene, session.frame
            camera = len(frames) % len(scene.cameras)
            request = view_request(scene, session.status.march, True, (_SIZE, _SIZE), camera, len(frames))
            session.request_view(request)
            session.tick()
            if session.frame is not before:
                frames.append(session.frame.stats)
        rate, side = len(frames) / _VIEWING_SECONDS, median(stats.rendered_width for stats in frames)
        share = f"{session.status.samples_per_second / alone:.0%}" if state == "training" else ""
        print(f"| {state} | {rate:.1f} | {side:g} | {share} |", flush=True)
    session.close()
    print()


def _print_stages(stages: list[Stage], machine: Machine) -> None:
    print(f"Limits: {machine.gflops / 1e3:.1f} TFLOP/s, {machine.gigabytes_per_second:.0f} GB/s.\n")
    print("| stage | median ms | items | share of the limit |\n|---|---|---|---|")
    for stage in stages:
        share = f"{stage.share:.0%} of {stage.limit}"
        print(f"| {stage.name} | {stage.milliseconds:.2f} | {stage.n_items:,} {stage.unit} | {share} |")
    print()


def _print_step(trainer: Trainer, device: str) -> None:
    """Print the operations of a step, longest first; for the rest of the step the device waits for Python."""
    seconds = median(trainer.step().seconds for _ in range(_PROFILED_STEPS))
    activities = [ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU]
    with profile(activities=activities) as profiled:
        for _ in range(_PROFILED_STEPS):
            trainer.step()
    kind = "device" if device == "cuda" else "cpu"
    used = [(getattr(x, f"self_{kind}_time_total"), x.count, x.key) for x in profiled.key_averages()]
    used = sorted((x for x in used if x[0] > 0.0), reverse=True)
    busy, n = sum(x[0] for x in used) / _PROFILED_STEPS, sum(x[1] for x in used) / _PROFILED_STEPS
    print(f"A step takes {1e3 * seconds:.2f} ms; {n:.0f} operations keep the device busy for {1e-3 * busy:.2f} ms.\n")
    print("| operation | times a step | ms a step |\n|---|---|---|")
    for microseconds, count, name in used[:_MOST_OPERATIONS]:
        print(f"| {name[:80]} | {count / _PROFILED_STEPS:.1f} | {1e-3 * microseconds / _PROFILED_STEPS:.3f} |")
    print()


if __name__ == "__main__":
    main()
