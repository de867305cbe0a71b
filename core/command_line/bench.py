"""The speed of each stage."""

from dataclasses import dataclass, field
from typing import Annotated

from typing_extensions import Doc

from core.command_line.flags import Backend, CheckGpu, DatasetPath, Device, PlaceFlags, ReadFlags, Seed, shown_as
from core.command_line.start import engine
from core.config.read_options import ReadOptions
from core.geometry.placement import PlaceOverrides


@dataclass(frozen=True)
class BenchCommand:
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


COMMAND = BenchCommand
