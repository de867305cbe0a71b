"""A picture of a snapshot."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro
from typing_extensions import Doc

from core.command_line.flags import Backend, CheckGpu, Device, MarchFlags, OwnField, positional, shown_as
from core.command_line.start import engine
from viewer.command_line.flags import OpticsFlags, ViewFlags
from viewer.protocol.optics import Optics


@dataclass(frozen=True)
class RenderCommand:
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


COMMAND = RenderCommand
