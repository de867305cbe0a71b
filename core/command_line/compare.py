"""Several methods, trained for the same time."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro
from typing_extensions import Doc

from core.command_line.flags import Backend, CheckGpu, DatasetPath, Device, PlaceFlags, ReadFlags, Seed, shown_as
from core.command_line.start import engine
from core.config.read_options import ReadOptions
from core.fields import FIELDS
from core.geometry.placement import PlaceOverrides
from core.samplers import SAMPLERS


@dataclass(frozen=True)
class CompareCommand:
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


COMMAND = CompareCommand
