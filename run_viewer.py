#!/usr/bin/env python3
"""Firstlight: watch a radiance field come alive. This file is the command line, nothing else.

What a command needs is imported when it runs, so that help and mistakes are answered at once.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Annotated, Any, Literal

import tyro
from typing_extensions import Doc

from core.config.contractions import CONTRACTIONS
from core.config.flags import flags_of, optional_keys, parse_size
from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.read_options import DEMOS, ReadOptions
from core.config.registry import MethodRegistry
from core.config.training import TrainSettings
from core.errors import DatasetError, FirstlightError
from core.fields import FIELDS
from core.geometry.placement import PlaceOverrides
from core.process import configure
from core.samplers import SAMPLERS
from viewer.protocol.optics import Optics
from viewer.protocol.view_settings import Mode, ViewSettings


def shown_as(name: str, help: str):
    """A flag whose help calls its value `name` and mentions no default."""
    return tyro.conf.arg(metavar=name, help=help, help_behavior_hint="")


def positional(name: str, help: str):
    return tyro.conf.Positional, tyro.conf.arg(metavar=name, help=help)


def flags_for(*settings: type):
    """Flags for the fields of settings dataclasses; their value is a dict with the ones that are given."""
    return tyro.conf.arg(constructor=flags_of(*settings))


DatasetPath = Annotated[str, *positional("DATASET", f"A dataset, a folder of photos, a video, or {', '.join(DEMOS)}.")]
Device = Annotated[
    str | None,
    shown_as("{cpu,cuda,cuda:1}", "Where to run: a GPU if one can be used, of several the one with most free memory."),
]
Backend = Annotated[
    Literal["auto", "warp", "nerfacc"],
    Doc("Kernels that march and composite on CUDA: nerfacc's are built with nvcc, auto takes the faster ones."),
]
CheckGpu = Annotated[
    bool, tyro.conf.arg(name="check", help="Check a GPU's kernels at its first start; --no-check trusts them.")
]
Seed = Annotated[int, Doc("Seeds the weights and training; the same seed gives the same first losses on a CPU.")]
ReadFlags = Annotated[dict[str, Any], flags_for(ReadOptions)]
MarchFlags = Annotated[dict[str, Any], flags_for(MarchSettings)]
ViewFlags = Annotated[dict[str, Any], flags_for(ViewSettings)]
OpticsFlags = Annotated[dict[str, Any], flags_for(Optics)]
TrainFlags = Annotated[dict[str, Any], flags_for(TrainSettings)]
PlaceFlags = Annotated[dict[str, Any], flags_for(PlaceOverrides)]


def method_flags() -> type:
    """The method: what learns, and where it looks. `core.training.methods` says more."""
    names = {
        "field": (
            f"{','.join(FIELDS)},FILE.py:CLASS",
            "The radiance field, or a class of your own; ngp unless given, ngp-t in a scene that moves.",
        ),
        "sampler": (",".join(SAMPLERS), "What places samples; occupancy unless given."),
        "contraction": (
            ",".join(CONTRACTIONS),
            "How space around the box fits into the field; max unless given where boxes lie in boxes, else none.",
        ),
    }
    keys = {choice: Annotated[str, shown_as(f"{{{values}}}", help)] for choice, (values, help) in names.items()}
    return optional_keys("Method", keys)


def kinds_flags(kinds: MethodRegistry) -> type:
    """Flags for the settings of the fields or samplers whose modules are imported; `parse` imports them as needed."""
    return flags_of(*(kind.settings for kind in kinds.loaded().values()))


MethodFlags = Annotated[dict[str, str], tyro.conf.arg(constructor_factory=method_flags)]
FieldFlags = Annotated[dict[str, Any], tyro.conf.arg(constructor_factory=partial(kinds_flags, FIELDS))]
SamplerFlags = Annotated[dict[str, Any], tyro.conf.arg(constructor_factory=partial(kinds_flags, SAMPLERS))]


OwnField = Annotated[
    str | None,
    shown_as("FILE.py:CLASS", "Where the code of a snapshot's own field is. It runs only if you name it."),
]


def check_method(method: MethodFlags, network: FieldFlags, sampling: SamplerFlags) -> None:
    """Raise ValueError for a method that can't learn in any scene. Nothing is imported for the usual one."""
    if method or network or sampling:
        from core.training import methods

        methods.check_method(method, network, sampling)


def begin(dataset: str) -> None:
    """Say what is being opened, and begin to compile what kernels need on a first start: this thread is going to import
    torch, which takes a second or two."""
    print(f"opening {dataset}", flush=True)
    ahead = partial(import_module, "core.kernels.runtime.loading")
    Thread(target=lambda: ahead().precompile_header(), name="compiler", daemon=True).start()


def engine(device: Device, backend: Backend, check_gpu: bool) -> str:
    """Choose the device to run on and its kernels; returns the device."""
    from rich.console import Console

    from core.commands.progress import Bar, progress_bars
    from core.kernels.runtime.device import choose_device
    from core.self_check.engine import ready_engine

    chosen = choose_device(device)
    with progress_bars(Console(stderr=True)) as bars:
        ready = ready_engine(chosen, backend, check_gpu, lambda: Bar(bars, "checking the GPU").update, _to_stderr)
    if ready.verdict is not None and ready.verdict.sentence:
        _to_stderr(ready.verdict.sentence)
    return ready.device


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


@dataclass(frozen=True)
class View:
    """Open the window. This is what happens without a command too: run_viewer.py DATASET."""

    dataset: Annotated[
        str,
        *positional(
            "DATASET|SNAPSHOT",
            f"A dataset, a folder of photos, a video, {', '.join(DEMOS)}, or a snapshot to go on from.",
        ),
    ] = "demo"
    reading: ReadFlags = field(default_factory=dict)
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    seed: Seed = 0
    ui_scale: Annotated[float, Doc("Size of text and widgets; 1.5 to 2 suits a dense display.")] = 1.0
    window_size: Annotated[str, shown_as("WxH", "The window's first size, 1280x800 unless given.")] = "1280x800"
    place: PlaceFlags = field(default_factory=dict)
    thresholds: MarchFlags = field(default_factory=dict)
    picture: ViewFlags = field(default_factory=dict)
    method: MethodFlags = field(default_factory=dict)
    network: FieldFlags = field(default_factory=dict)
    sampling: SamplerFlags = field(default_factory=dict)

    def run(self) -> int:
        # values out of range are errors before anything is opened
        reading, _, _ = ReadOptions(**self.reading), MarchSettings(**self.thresholds), ViewSettings(**self.picture)
        PlaceOverrides(**self.place)
        size = parse_size(self.window_size)
        check_method(self.method, self.network, self.sampling)
        if self.dataset not in DEMOS and not os.path.exists(os.path.expanduser(self.dataset)):
            raise DatasetError(
                f"{self.dataset} does not exist: expected a dataset, photos, a video, {', '.join(DEMOS)}, or a snapshot"
            )
        from core.commands.doctor import require_display

        require_display(self.dataset)
        begin(self.dataset)
        from core.kernels.runtime.device import choose_device
        from core.training.build import Overrides, is_snapshot, refuse_for_snapshot
        from viewer.session.session import LocalSession
        from viewer.window import run_window

        overrides = Overrides(field=self.network, sampler=self.sampling, method=self.method, place=self.place)
        if is_snapshot(self.dataset):
            refuse_for_snapshot(self.dataset, reading, overrides)
        session = LocalSession(choose_device(self.device), self.seed, self.backend, self.check_gpu)
        return run_window(session, self.dataset, reading, self.thresholds, self.picture, self.ui_scale, size, overrides)


@dataclass(frozen=True)
class Train:
    """Train without a window; writes report.json, snapshot.safetensors and views/*.png."""

    dataset: DatasetPath
    output: Annotated[str, tyro.conf.arg(metavar="DIR", help="The report's folder; absent or empty.")]
    seconds: Annotated[float | None, shown_as("FLOAT", "Training time; 60 unless --steps is given.")] = None
    steps: Annotated[int | None, shown_as("INT", "Training steps, instead of --seconds.")] = None
    reading: ReadFlags = field(default_factory=dict)
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    seed: Seed = 0
    place: PlaceFlags = field(default_factory=dict)
    thresholds: MarchFlags = field(default_factory=dict)
    training: TrainFlags = field(default_factory=dict)
    method: MethodFlags = field(default_factory=dict)
    network: FieldFlags = field(default_factory=dict)
    sampling: SamplerFlags = field(default_factory=dict)

    def run(self) -> int:
        reading = ReadOptions(**self.reading)
        check_method(self.method, self.network, self.sampling)
        seconds = 60.0 if self.seconds is None and self.steps is None else self.seconds
        begin(self.dataset)
        from core.commands.train import train_and_report
        from core.training.build import Overrides

        PlaceOverrides(**self.place)
        device = engine(self.device, self.backend, self.check_gpu)
        overrides = Overrides(self.thresholds, self.training, self.network, self.sampling, self.method, self.place)
        report = train_and_report(self.dataset, self.output, seconds, self.steps, reading, device, self.seed, overrides)
        test = report["test"]
        figures = (
            "no test views" if test["psnr"] is None else f"test PSNR {test['psnr']:.2f} dB, {test['n_views']} views"
        )
        print(f"{report['steps']} steps in {report['seconds']:.1f} s of training; {figures}; see {self.output}")
        return 0


@dataclass(frozen=True)
class Render:
    """Render a snapshot into a picture, without a window."""

    snapshot: Annotated[str, *positional("SNAPSHOT", "A snapshot of ours.")]
    output: Annotated[
        str, tyro.conf.arg(metavar="PICTURE.png", help="The new picture; a new folder for --all-training-cameras.")
    ]
    like: Annotated[
        str | None, shown_as("SHOT.png", "Render this screenshot again, with its camera, thresholds and settings.")
    ] = None
    camera: Annotated[int | None, shown_as("INT", "Take the camera of this training view, counted from 0.")] = None
    all_training_cameras: Annotated[
        bool, Doc("Render each training and test view with its own camera: colour, opacity and depth by photo.")
    ] = False
    time: Annotated[
        float | None, shown_as("FLOAT", "The time from 0 to 1 in a scene that moves; the camera's unless given.")
    ] = None
    size: Annotated[str | None, shown_as("WxH", "In pixels; the screenshot's or the dataset's unless given.")] = None
    depth: Annotated[
        str | None,
        shown_as("FILE.npy", "Also write the distances along the rays, in the dataset's units; .npz adds the camera."),
    ] = None
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    thresholds: MarchFlags = field(default_factory=dict)
    picture: ViewFlags = field(default_factory=dict)
    optics: OpticsFlags = field(default_factory=dict)
    field: OwnField = None

    def run(self) -> int:
        Optics(**self.optics)
        from viewer.session.rerender import rerender, rerender_views

        device = engine(self.device, self.backend, self.check_gpu)
        if self.all_training_cameras:
            others = (self.like, self.camera, self.time, self.size, self.depth)
            if self.optics or self.picture.keys() - {"background"} or any(value is not None for value in others):
                raise ValueError("--all-training-cameras goes with thresholds and --background: leave other flags out")
            print(rerender_views(self.snapshot, self.output, device, self.thresholds, self.picture, self.field))
            return 0
        path = rerender(
            self.snapshot, self.output, self.like, self.camera, self.time, self.size, device, self.thresholds,
            self.picture, self.depth, self.field, self.optics,
        )  # fmt: skip
        print(path)
        return 0


@dataclass(frozen=True)
class Video:
    """Film a flight through a snapshot, without a window. Ctrl-C ends the film early."""

    snapshot: Annotated[str, *positional("SNAPSHOT", "A snapshot of ours.")]
    path: Annotated[
        str,
        tyro.conf.arg(
            metavar="PATH.json|NAME",
            help="A camera path of ours, of nerfstudio or of instant-ngp; turntable, orbit, photos, spiral or dolly; "
            "kept, the path in the snapshot; views, each training view in turn.",
        ),
    ]
    output: Annotated[
        str, tyro.conf.arg(metavar="FLIGHT.mp4", help="The new film (.mp4, .webm, .webp, .gif), or a folder of PNGs.")
    ]
    like: Annotated[
        str | None, shown_as("SHOT.png", "Take this screenshot's thresholds and settings, a comparison included.")
    ] = None
    size: Annotated[str | None, shown_as("WxH", "In pixels; the path's or the dataset's unless given.")] = None
    fps: Annotated[float | None, shown_as("FLOAT", "Frames per second; the path's or 30 unless given.")] = None
    seconds: Annotated[float | None, shown_as("FLOAT", "Duration; the path's unless given.")] = None
    mode: Annotated[
        str | None,
        shown_as("MODE,...", f"What is shown, several side by side: {', '.join(mode.value for mode in Mode)}."),
    ] = None
    separate: Annotated[bool, Doc("Write a film for each of several modes.")] = False
    motion_blur: Annotated[float, Doc("Share of a frame's time for which the shutter is open, 0 to 1.")] = 0.0
    time: Annotated[
        float | None, shown_as("FLOAT", "In a scene that moves: its time, 0 to 1, at which it stands; else it runs.")
    ] = None
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    thresholds: MarchFlags = field(default_factory=dict)
    picture: Annotated[dict[str, Any], tyro.conf.arg(constructor=flags_of(ViewSettings, without=("mode",)))] = field(
        default_factory=dict
    )
    optics: OpticsFlags = field(default_factory=dict)
    field: OwnField = None

    def run(self) -> int:
        known = {mode.value: mode for mode in Mode}
        modes = [] if self.mode is None else [word.strip() for word in self.mode.split(",")]
        if unknown := [word for word in modes if word not in known]:
            raise ValueError(f"there is no mode {unknown[0]!r}: choose among {', '.join(known)}")
        if len(set(modes)) < len(modes):
            raise ValueError(f"each mode can be shown once, got {self.mode}")
        MarchSettings(**self.thresholds)
        from viewer.session.film import FilmFlags, film_snapshot

        flags = FilmFlags(
            self.path, self.like, self.size, self.fps, self.seconds, [known[word] for word in modes], self.separate,
            self.motion_blur, self.time, self.thresholds, self.picture, self.optics,
        )  # fmt: skip
        device = engine(self.device, self.backend, self.check_gpu)
        paths, progress = film_snapshot(self.snapshot, self.output, flags, device, self.field)
        print("\n".join(map(str, paths)))
        if progress.done == progress.total:
            return 0
        print(f"ended early, with {progress.done} of {progress.total} frames", file=sys.stderr)
        return 130


@dataclass(frozen=True)
class Sweep:
    """Render a view with values over a threshold's range and measure the costs; writes sweep.csv, sweep.png."""

    snapshot: Annotated[str, *positional("SNAPSHOT", "A snapshot of ours.")]
    over: Annotated[str, tyro.conf.arg(metavar="SETTING", help=f"The threshold: {', '.join(MARCH_NUMBERS)}.")]
    output: Annotated[str, tyro.conf.arg(metavar="DIR", help="The results' folder; absent or empty.")]
    values: Annotated[int, Doc("Number of values over the threshold's range.")] = 12
    camera: Annotated[int, Doc("Take the camera of this training view, counted from 0.")] = 0
    size: Annotated[
        str | None, shown_as("WxH", "In pixels; the dataset's unless given, with at most 400 on the longer side.")
    ] = None
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    thresholds: MarchFlags = field(default_factory=dict)
    field: OwnField = None

    def run(self) -> int:
        replace(MarchSettings(), **self.thresholds)
        from core.commands.sweep_report import sweep_snapshot

        device = engine(self.device, self.backend, self.check_gpu)
        sweep_snapshot(
            self.snapshot, self.over, self.output, self.values, self.camera, self.size, device, self.thresholds,
            own_field=self.field,
        )  # fmt: skip
        print(f"see {self.output}")
        return 0


@dataclass(frozen=True)
class Compare:
    """Train several methods for the same time, one after the other; writes compare.csv and compare.png."""

    dataset: DatasetPath
    output: Annotated[str, tyro.conf.arg(metavar="DIR", help="The results' folder; absent or empty.")]
    methods: Annotated[
        str,
        shown_as(
            "FIELD+SAMPLER,...",
            f"Fields: {', '.join(FIELDS)}, FILE.py:CLASS; samplers: {', '.join(SAMPLERS)}; a third word, "
            "as in +sphere, contracts space.",
        ),
    ] = "ngp+occupancy,ngp+stratified,mlp+occupancy,mlp+stratified"
    seconds: Annotated[float, Doc("Training time of each.")] = 60.0
    views: Annotated[int, Doc("Number of held-out views to measure at the end.")] = 8
    reading: ReadFlags = field(default_factory=dict)
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    seed: Seed = 0
    place: PlaceFlags = field(default_factory=dict)

    def run(self) -> int:
        reading = ReadOptions(**self.reading)
        PlaceOverrides(**self.place)
        from core.commands.compare import compare_methods

        device = engine(self.device, self.backend, self.check_gpu)
        compare_methods(
            self.dataset, self.methods, self.seconds, self.output, self.views, reading, device, self.seed, self.place
        )
        print(f"see {self.output}")
        return 0


@dataclass(frozen=True)
class Check:
    """Check a dataset: what it is, what it needs, and what seems wrong."""

    dataset: DatasetPath
    reading: ReadFlags = field(default_factory=dict)
    output: Annotated[str | None, shown_as("FILE.png", "Draw cameras, points and box into this new picture.")] = None
    place: PlaceFlags = field(default_factory=dict)

    def run(self) -> int:
        reading = ReadOptions(**self.reading)
        PlaceOverrides(**self.place)
        from core.commands import check

        return check.main(self.dataset, reading, self.output, self.place)


@dataclass(frozen=True)
class Bench:
    """Measure the speed of each stage, and its share of what this machine could do."""

    dataset: DatasetPath = "demo"
    reading: ReadFlags = field(default_factory=dict)
    device: Device = None
    backend: Backend = "auto"
    check_gpu: CheckGpu = True
    seed: Seed = 0
    output: Annotated[str | None, shown_as("FILE.json", "Also write the figures to this new file.")] = None
    compare: Annotated[str | None, shown_as("OLD.json", "Also print ratios to the figures of an earlier file.")] = None
    scaling: Annotated[
        bool, Doc("Also measure how the speed scales with threads, tables, batches, grids and views.")
    ] = False
    place: PlaceFlags = field(default_factory=dict)

    def run(self) -> int:
        reading = ReadOptions(**self.reading)
        from core.commands import bench

        PlaceOverrides(**self.place)
        device = engine(self.device, self.backend, self.check_gpu)
        return bench.main(self.dataset, reading, device, self.seed, self.output, self.compare, self.scaling, self.place)


@dataclass(frozen=True)
class Doctor:
    """Say what this machine has, what it lacks, and what to do about that."""

    check: Annotated[bool, Doc("Also check a GPU's kernels against the CPU's, even if they were checked before.")] = (
        False
    )

    def run(self) -> int:
        from core.commands import doctor

        findings = doctor.examine(self.check)
        print("\n".join(doctor.lines(findings)))
        return 2 if any(finding.fatal for finding in findings) else 0


COMMANDS = {
    "view": View,
    "train": Train,
    "render": Render,
    "video": Video,
    "sweep": Sweep,
    "compare": Compare,
    "check": Check,
    "bench": Bench,
    "doctor": Doctor,
}


def parse(arguments: Sequence[str]):
    """The command in the arguments; a first word that is no command's name is a dataset for the window.

    Fields and samplers have flags too, and their modules take seconds to import: they are imported where an argument
    is none of the other flags, or help is asked for about a command.

    Raises:
        SystemExit: with code 2 after a mistake, with 0 after help.
    """
    if not arguments or arguments[0] not in (*COMMANDS, "-h", "--help"):
        arguments = ["view", *arguments]
    if arguments[0] in ("view", "train"):
        if {"-h", "--help"}.isdisjoint(arguments):
            command, unknown = _parsed(arguments, return_unknown_args=True)
            if not unknown:
                return command
        FIELDS.load()
        SAMPLERS.load()
    return _parsed(arguments)


def _parsed(arguments: Sequence[str], **how: Any) -> Any:
    return tyro.cli(
        View | Train | Render | Video | Sweep | Compare | Check | Bench | Doctor,
        prog="run_viewer.py",
        description="Train a radiance field and watch it come alive. Without a command: the window.",
        args=arguments,
        default=View(),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.EnumChoicesFromValues),
        **how,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 2 after a mistake, which is explained in one line."""
    try:
        configure()  # nothing has imported torch yet
        return parse(sys.argv[1:] if arguments is None else arguments).run()
    except (FirstlightError, ValueError, OSError) as error:
        print(f"run_viewer.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        from core.kernels.runtime.device import gpu_is_lost  # torch is loaded: its errors are such
        from core.kernels.runtime.gpu_memory import explained

        told = explained(error)
        if told is error and not gpu_is_lost(error):
            raise
        if told is error:
            told = f"the GPU no longer answers ({' '.join(str(error).split())}): try again, or run with --device cpu"
        print(f"run_viewer.py: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written. A normal exit would take another second to unload torch, and would crash if a worker were
    # still inside a slow step.
    os._exit(code)
