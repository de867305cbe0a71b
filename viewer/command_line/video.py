"""A film of a flight through a snapshot."""

import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from typing_extensions import Doc

from core.command_line.flags import Backend, CheckGpu, Device, MarchFlags, OwnField, positional, shown_as
from core.command_line.start import engine
from core.config.flags import flags_of
from core.config.march import MarchSettings
from viewer.command_line.flags import OpticsFlags
from viewer.protocol.view_settings import Mode, ViewSettings


@dataclass(frozen=True)
class VideoCommand:
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


COMMAND = VideoCommand
