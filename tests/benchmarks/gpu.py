#!/usr/bin/env python3
"""Measure on a CUDA GPU what RESULTS.md wants to know of it, with both backends: python -m tests.benchmarks.gpu DATASET

Prints Markdown: whether the kernels agree, PSNR after short and long training, memory, views while the camera moves,
and each stage against what the GPU can do. Takes about five minutes, and some more to build nerfacc's kernels.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from core.backends import choose_backend
from core.bench import measure_machine, measure_stages
from core.bench_report import Machine, Stage
from core.device import choose_device
from core.errors import BackendUnavailable
from core.reading import Reading
from core.report import train_and_report
from core.snapshot import load_snapshot
from tests.viewer.live import view_request
from viewer.session import Session

_EQUALITY = ("tests/core/kernels/test_on_cuda.py", "tests/core/kernels/test_backends.py")
_SIZE = 800
_VIEWING_SECONDS = 8.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", help="Lego, as the goals are for it")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 60.0], help="training times, one run each")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--downscale", type=int, default=1)
    args = parser.parse_args()
    device = choose_device(args.device)
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}; Python {sys.version.split()[0]}; {_equality()}\n")
    for wish in ("warp", "nerfacc"):
        try:
            backend = choose_backend(wish, device, say=lambda text: print(text, file=sys.stderr))
        except BackendUnavailable as error:
            print(f"## {wish}\n\n{error}\n")
            continue
        print(f"## {backend.name}\n", flush=True)
        _measure(args.dataset, args.downscale, args.seconds, device)


def _equality() -> str:
    """The last line of the tests that hold the kernels on this device equal to their twins and to each other."""
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
            report = train_and_report(dataset, Path(folder) / str(i), goal, reading=Reading(downscale), device=device)
            reports.append(report)
            speed, memory = report["samples_per_second"] / 1e6, report.get("peak_gpu_memory_mb", 0.0)
            psnr, steps = report["test"]["psnr"], report["steps"]
            print(f"| {goal:g} s | {psnr:.2f} dB | {steps} | {speed:.2f} | {memory:.0f} MB |", flush=True)
        history = ", ".join(f"{point['psnr']:.1f} dB at {point['seconds']:.0f} s" for point in reports[-1]["history"])
        print(f"\nOn the way, on four views: {history}\n")
        snapshot = Path(folder) / str(len(seconds) - 1) / "snapshot.safetensors"
        _print_views(snapshot, device, reports[-1]["samples_per_second"])
        trainer = load_snapshot(snapshot, device)
        machine = measure_machine(device, trainer.field_settings.precision)
        _print_stages(measure_stages(trainer, machine), machine)


def _print_views(snapshot: Path, device: str, alone: float) -> None:
    """New views a second of a moving camera, by a session that is ticked by hand."""
    session = Session(device)
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


if __name__ == "__main__":
    main()
