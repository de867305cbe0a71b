"""The session in this process: one worker thread that owns every torch object.

The window's thread calls the methods here, none of which waits: they leave a command or the newest view request in the
worker's mailbox and return. The worker replaces `frame` and `status` as a whole; reading them needs no lock.
"""

import threading
from collections.abc import Callable

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, ReadOptions
from core.flights.album import Album
from core.geometry.placement import Place
from core.kernels.runtime.device import choose_device
from core.rendering.backends import BackendChoice
from core.training.build import Overrides
from viewer.protocol.frames import Frame
from viewer.protocol.requests import ScreenshotRequest, ViewRequest
from viewer.protocol.rescues import Rescue
from viewer.protocol.session import Answer, ForScene, Question, ToolKey
from viewer.protocol.status import Notice, Status
from viewer.scene.open_scene import OpenScene
from viewer.session.worker import Worker


class LocalSession:
    """Trains a scene and answers view requests; see `viewer.protocol.session.Session` for what the methods do.

    Args:
        device: as for `choose_device`.
        seed: of the weights and of training.
        backend: as for `choose_backend`.
        check_gpu: whether a GPU's kernels are checked at its first start, before the first scene is opened.

    Raises:
        BackendUnavailable: the device isn't available.
    """

    def __init__(
        self, device: str | None = None, seed: int = 0, backend: BackendChoice = "auto", check_gpu: bool = False
    ):
        self._seed = seed
        self._worker = Worker(choose_device(device), seed, backend, check_gpu)
        self._thread: threading.Thread | None = None

    @property
    def frame(self) -> Frame | None:
        return self._worker.frame

    @property
    def status(self) -> Status:
        return self._worker.status

    @property
    def traceback(self) -> str:
        return self._worker.traceback

    def start(self) -> None:
        self._thread = threading.Thread(target=self._worker.run, name="session", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 1.0) -> bool:
        """A worker that is still in a slow step ends with the process."""
        self._worker.mail.close()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def open(self, path: str, reading: ReadOptions = AS_STORED, overrides: Overrides | None = None) -> None:
        self._worker.openings += 1
        opening = self._worker.openings
        self._queue(lambda: self._worker.open(path, reading, opening, overrides))

    def pause(self) -> None:
        self._queue(self._worker.pause)

    def resume(self) -> None:
        self._queue(self._worker.resume)

    def reset(self) -> None:
        self._take_over_by(lambda scene: scene.restarted(self._seed))

    def train_in(self, place: Place, scene_serial: int | None = None) -> None:
        self._take_over_by(lambda scene: scene.moved(place, self._seed), scene_serial)

    def train_with(self, method: Overrides, scene_serial: int | None = None) -> None:
        self._take_over_by(lambda scene: scene.with_method(method, self._seed), scene_serial)

    def take_up(self, scene_serial: int | None = None) -> None:
        self._take_over_by(OpenScene.taken_up, scene_serial)

    def forget_former(self, scene_serial: int | None = None) -> None:
        self._with_scene(OpenScene.forget_former, scene_serial)

    def turn_up(self, up: tuple[float, float, float], scene_serial: int | None = None) -> None:
        self._with_scene(lambda scene: scene.turn_up(up), scene_serial)

    def rescue(self, way: Rescue) -> None:
        self._with_scene(lambda scene: self._worker.rescue(scene, way))

    def set_training_march(self, march: MarchSettings | None) -> None:
        self._with_scene(lambda scene: scene.set_training_march(march))

    def include(self, view: int, included: bool, scene_serial: int | None = None) -> None:
        self._with_scene(lambda scene: scene.include(view, included), scene_serial)

    def save_snapshot(self, path: str, album: Album | None = None) -> None:
        self._queue(lambda: self._worker.save_snapshot(path, album))

    def screenshot(self, request: ScreenshotRequest) -> None:
        self._queue(lambda: self._worker.screenshot(request))

    def ask(self, tool: ToolKey[Question, Answer], question: Question | None) -> None:
        meant = question.scene_serial if isinstance(question, ForScene) else None
        self._with_scene(lambda scene: self._worker.tools.ask(tool, question, scene), meant)

    def result(self, tool: ToolKey[Question, Answer]) -> Answer | None:
        return self._worker.tools.result(tool)

    def request_view(self, request: ViewRequest) -> None:
        self._worker.mail.request(request)

    def take_notices(self) -> list[Notice]:
        taken = []
        while self._worker.notices:
            taken.append(self._worker.notices.popleft())
        return taken

    def tick(self) -> bool:
        """One round of the worker, for tests and programs that start no thread; see `Worker.tick`."""
        return self._worker.tick()

    def _queue(self, command: Callable[[], None], meant: int | None = None) -> None:
        """Leave a command for the worker. One meant for a scene is dropped if another is open by then."""
        self._worker.mail.leave(lambda: None if self._worker.is_stale(meant) else command())

    def _with_scene(self, act: Callable[[OpenScene], object], meant: int | None = None) -> None:
        """Leave a command that acts on the open scene; it does nothing without one."""

        def command() -> None:
            if self._worker.scene is not None:
                act(self._worker.scene)

        self._queue(command, meant)

    def _take_over_by(self, follow: Callable[[OpenScene], OpenScene], meant: int | None = None) -> None:
        """Leave a command that replaces the open scene by one made from it."""
        self._with_scene(lambda scene: self._worker.take_over(follow(scene)), meant)
