"""A threshold's range, rendered and measured."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import tyro
from typing_extensions import Doc

from core.command_line.flags import Backend, CheckGpu, Device, MarchFlags, OwnField, positional, shown_as
from core.command_line.start import engine
from core.config.march import MARCH_NUMBERS, MarchSettings


@dataclass(frozen=True)
class SweepCommand:
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


COMMAND = SweepCommand
