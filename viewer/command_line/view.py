"""The window's command."""

import os
from dataclasses import dataclass, field
from typing import Annotated

from typing_extensions import Doc

from core.command_line.flags import (
    Backend,
    CheckGpu,
    Device,
    FieldFlags,
    MarchFlags,
    MethodFlags,
    PlaceFlags,
    ReadFlags,
    SamplerFlags,
    Seed,
    positional,
    shown_as,
)
from core.command_line.start import begin, check_method
from core.config.flags import parse_size
from core.config.march import MarchSettings
from core.config.read_options import DEMOS, ReadOptions
from core.errors import DatasetError
from core.geometry.placement import PlaceOverrides
from viewer.command_line.flags import ViewFlags
from viewer.protocol.view_settings import ViewSettings


@dataclass(frozen=True)
class ViewCommand:
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


COMMAND = ViewCommand
