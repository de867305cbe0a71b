"""Training without a window."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from core.command_line.flags import (
    Backend,
    CheckGpu,
    DatasetPath,
    Device,
    FieldFlags,
    MarchFlags,
    MethodFlags,
    PlaceFlags,
    ReadFlags,
    SamplerFlags,
    Seed,
    TrainFlags,
    shown_as,
)
from core.command_line.start import begin, check_method, engine
from core.config.read_options import ReadOptions
from core.geometry.placement import PlaceOverrides


@dataclass(frozen=True)
class TrainCommand:
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


COMMAND = TrainCommand
