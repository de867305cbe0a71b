"""What the session is doing: its status, replaced as a whole, and notices to the user."""

from dataclasses import dataclass, field
from enum import StrEnum

from core.config.march import MarchSettings
from viewer.protocol.runs import Collapse, Measured, RunSummary
from viewer.protocol.scene_info import SceneInfo


class State(StrEnum):
    EMPTY = "no scene"
    LOADING = "loading"
    TRAINING = "training"
    PAUSED = "paused"
    FAILED = "failed"


@dataclass(frozen=True)
class Status:
    """The session at one moment; replaced as a whole.

    Attributes:
        message: what the session is doing, or what went wrong and what to do; one or two sentences.
        progress: how much of loading is done, 0 to 1, or None.
        seconds: training time, without pauses and rendering.
        losses: pairs (step, loss); psnrs: the held-out curve.
        device, backend: e.g. "cpu" and "warp (no CUDA device)".
        march: the thresholds that training uses now.
        excluded: indices of the training views that are left out now.
        collapse: how training collapsed, while it is stopped by that.
        former: the run before this one, with another method, while it is kept.
        scene_serial: grows each time another scene (or a reset) takes over, so that the window can reset its camera.
    """

    state: State = State.EMPTY
    message: str = ""
    progress: float | None = None
    step: int = 0
    seconds: float = 0.0
    steps_per_second: float = 0.0
    rays_per_second: float = 0.0
    samples_per_second: float = 0.0
    views_per_second: float = 0.0
    losses: tuple[tuple[int, float], ...] = ()
    psnrs: tuple[Measured, ...] = ()
    device: str = ""
    backend: str = ""
    scene: SceneInfo | None = None
    scene_serial: int = 0
    march: MarchSettings = field(default_factory=MarchSettings)
    excluded: frozenset[int] = frozenset()
    collapse: Collapse | None = None
    former: RunSummary | None = None


@dataclass(frozen=True)
class Notice:
    """A message to show once: a toast, or with `error` a message that stays until it is closed."""

    text: str
    error: bool = False
