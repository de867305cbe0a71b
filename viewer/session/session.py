"""The session in this process: one worker thread that owns every torch object.

The window's thread calls the public methods, none of which waits: they leave a command or the newest view request in
the mailbox and return. The worker replaces `frame` and `status` as a whole; reading them needs no lock.
"""

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, ReadOptions
from core.errors import FirstlightError, TrainingCollapsed
from core.geometry.placement import Place
from core.kernels.runtime.device import choose_device
from core.rendering.backends import describe_backend
from core.training.build import Overrides, is_snapshot, open_trainer
from core.training.snapshot import save_snapshot
from viewer.picture import compose
from viewer.picture.export import screenshots
from viewer.protocol.frames import Frame
from viewer.protocol.requests import ScreenshotRequest, ViewRequest
from viewer.protocol.rescues import Rescue
from viewer.protocol.runs import Collapse
from viewer.protocol.session import Answer, ForScene, Question, ToolKey
from viewer.protocol.status import Notice, State, Status
from viewer.scene.open_scene import OpenScene
from viewer.session.mailbox import Mailbox
from viewer.session.view_server import ViewServer
from viewer.tools.toolbox import Toolbox

IDLE_PERIOD = 0.5
"""Seconds after which an idle worker wakes up, so that rates fall to zero and motion ends."""


class _Interrupted(Exception):
    """Aborts the opening of a scene: the session closes, or another scene was asked for."""


class LocalSession:
    """Trains a scene and answers view requests; see `viewer.protocol.session.Session` for what the methods do.

    Args:
        device: "cpu", "cuda" or None for the best available.
        seed: of the weights and of training.

    Raises:
        BackendUnavailable: the device isn't available.
    """

    def __init__(self, device: str | None = None, seed: int = 0):
        self._device, self._seed = choose_device(device), seed
        self.frame: Frame | None = None
        self.status = Status(device=self._device, backend=describe_backend(self._device))
        self.traceback = ""
        self._scene: OpenScene | None = None
        self._tools = Toolbox()
        self._mail = Mailbox()
        self._views = ViewServer(lambda: self._mail.waiting(self._scene is not None), lambda: self._mail.closed)
        self._openings = 0
        self._notices: deque[Notice] = deque()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 1.0) -> bool:
        """A worker that is still in a slow step ends with the process."""
        self._mail.close()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def open(self, path: str, reading: ReadOptions = AS_STORED, overrides: Overrides | None = None) -> None:
        self._openings += 1
        opening = self._openings
        self._queue(lambda: self._open(path, reading, opening, overrides))

    def pause(self) -> None:
        self._queue(self._pause)

    def resume(self) -> None:
        self._queue(self._resume)

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
        self._with_scene(lambda scene: self._rescue(scene, way))

    def set_training_march(self, march: MarchSettings | None) -> None:
        self._with_scene(lambda scene: scene.set_training_march(march))

    def include(self, view: int, included: bool, scene_serial: int | None = None) -> None:
        self._with_scene(lambda scene: scene.include(view, included), scene_serial)

    def save_snapshot(self, path: str) -> None:
        self._queue(lambda: self._save_snapshot(path))

    def screenshot(self, request: ScreenshotRequest) -> None:
        self._queue(lambda: self._screenshot(request))

    def ask(self, tool: ToolKey[Question, Answer], question: Question | None) -> None:
        meant = question.scene_serial if isinstance(question, ForScene) else None
        self._with_scene(lambda scene: self._tools.ask(tool, question, scene), meant)

    def result(self, tool: ToolKey[Question, Answer]) -> Answer | None:
        return self._tools.result(tool)

    def request_view(self, request: ViewRequest) -> None:
        self._mail.request(request)

    def take_notices(self) -> list[Notice]:
        taken = []
        while self._notices:
            taken.append(self._notices.popleft())
        return taken

    def tick(self) -> bool:
        """One round of the worker: commands, a view, a slice of a tool's work, a training step.

        Returns:
            Whether there was anything to do.
        """
        worked = False
        try:
            worked = self._run_commands()
            if self._scene is not None and not self._mail.closed:
                worked |= self._serve_view(self._scene)
                worked |= self._run_tools(self._scene)
                worked |= self._train(self._scene)
        except Exception as error:
            self._fail(error)
        self._publish()
        return worked

    def _run(self) -> None:
        while not self._mail.closed:
            if not self.tick():
                self._mail.wait(self._scene is not None, IDLE_PERIOD)

    def _queue(self, command: Callable[[], None], meant: int | None = None) -> None:
        """Leave a command for the worker. One meant for a scene is dropped if another is open by then."""
        self._mail.leave(lambda: None if self._is_stale(meant) else command())

    def _with_scene(self, act: Callable[[OpenScene], object], meant: int | None = None) -> None:
        """Leave a command that acts on the open scene; it does nothing without one."""

        def command() -> None:
            if self._scene is not None:
                act(self._scene)

        self._queue(command, meant)

    def _take_over_by(self, follow: Callable[[OpenScene], OpenScene], meant: int | None = None) -> None:
        """Leave a command that replaces the open scene by one made from it."""
        self._with_scene(lambda scene: self._take_over(follow(scene)), meant)

    def _run_commands(self) -> bool:
        worked = False
        while (command := self._mail.take_command()) is not None:
            worked = True
            try:
                command()
            except _Interrupted:
                pass
            except Exception as error:
                self._report(error)
        return worked

    def _report(self, error: Exception) -> None:
        """Show the user an error of a command or a tool; training goes on."""
        self._notices.append(Notice(_advice(error), error=True))
        if not isinstance(error, FirstlightError):
            self.traceback = traceback.format_exc()

    def _serve_view(self, scene: OpenScene) -> bool:
        request = self._mail.take_request()
        if request is not None and self._is_stale(request.scene_serial):
            request = None
        training = scene.trainer.seconds if self.status.state is State.TRAINING else None
        if request is None:
            frame = self._views.refresh(scene, training)
        else:
            frame = self._views.answer(request, scene, training)
        if frame is not None:
            self.frame = frame
        return request is not None or frame is not None

    def _run_tools(self, scene: OpenScene) -> bool:
        """Let a tool work while the camera rests. A failure stops that tool and nothing else."""
        if self._views.moving or self._mail.closed:
            return False
        try:
            return self._tools.slice(scene, self.status.state is State.TRAINING)
        except Exception as error:
            self._report(error)
            return True

    def _train(self, scene: OpenScene) -> bool:
        if self.status.state is not State.TRAINING or self._mail.closed:
            return False
        scene.evaluate()
        fraction = self._views.controller.step_fraction(self._views.moving)
        self._views.controller.stepped(scene.step(fraction), fraction)
        return True

    def _fail(self, error: Exception) -> None:
        """Stop training; the window and the weights stay. The first failure is kept: later ones follow from it."""
        if self.status.state is State.FAILED:
            return
        self.traceback = traceback.format_exc()
        print(self.traceback, file=sys.stderr)
        collapse = None
        if isinstance(error, TrainingCollapsed) and self._scene is not None:
            collapse = Collapse(error.kind, error.since, self._scene.trainer.last_good_step)
        message = f"{_advice(error)}. Training has stopped; the weights can still be saved."
        self._set(State.FAILED, message, collapse)

    def _open(self, path: str, reading: ReadOptions, opening: int, overrides: Overrides | None) -> None:
        before = self.status

        def progress(share: float, text: str) -> None:
            if self._mail.closed or opening != self._openings:
                raise _Interrupted
            self.status = replace(self.status, state=State.LOADING, message=text, progress=share)

        try:
            progress(0.0, f"opening {path}")
            try:
                trainer = open_trainer(path, reading, self._device, self._seed, progress, overrides)
            except ValueError as error:
                if overrides is None:
                    raise
                raise FirstlightError(str(error)) from error  # nothing could be learnt in this place or by this method
            scene = OpenScene(trainer, path, None if is_snapshot(path) else trainer.dataset.named)
        except BaseException:
            self.status = before
            raise
        self._take_over(scene)
        for note in scene.info.notes:
            self._notices.append(Notice(note))

    def _take_over(self, scene: OpenScene) -> None:
        self._scene, self.traceback = scene, ""
        self._views.forget()
        self._tools.new_scene(scene)
        # all at once: the window adopts the thresholds when it sees a new serial
        self.status = replace(
            self.status,
            state=State.TRAINING,
            message="",
            progress=None,
            collapse=None,
            scene_serial=self.status.scene_serial + 1,
            **_status_of(scene),
        )

    def _pause(self) -> None:
        if self.status.state is State.TRAINING and self._scene is not None:
            self._scene.rates.clear()
            self._views.controller.stale()
            self._set(State.PAUSED)

    def _resume(self) -> None:
        if self.status.state in (State.PAUSED, State.FAILED):
            self.traceback = ""
            self._set(State.TRAINING)

    def _rescue(self, scene: OpenScene, way: Rescue) -> None:
        self._notices.append(Notice(scene.rescue(way)))
        self._views.outdated()
        self._publish()  # training's new thresholds first: the window compares them once the collapse is over
        self._resume()

    def _save_snapshot(self, path: str) -> None:
        if self._scene is None:
            raise FirstlightError("there is no scene to save: open a dataset first")
        save_snapshot(path, self._scene.trainer)
        self._notices.append(Notice(f"Saved {path}"))

    def _screenshot(self, request: ScreenshotRequest) -> None:
        if self._scene is None:
            raise FirstlightError("there is no scene to take a picture of: open a dataset first")
        trainer, former, info = self._scene.trainer, self._scene.former_trainer, self._scene.info
        rgba = compose.make_picture(
            trainer, request.view, info, request.transparent, lambda: self._mail.closed, former
        )  # fmt: skip
        if rgba is not None:
            path = screenshots.save(request, rgba, info.name, trainer.step_count, info.path, device=self._device)
            self._notices.append(Notice(f"Saved {path}"))

    def _is_stale(self, meant: int | None) -> bool:
        """Whether the window meant another scene than the open one: it may ask before it has seen the new status."""
        return meant is not None and meant != self.status.scene_serial

    def _set(self, state: State, message: str = "", collapse: Collapse | None = None) -> None:
        self.status = replace(self.status, state=state, message=message, progress=None, collapse=collapse)

    def _publish(self) -> None:
        scene = self._scene
        if scene is None:
            return
        training = self.status.state is State.TRAINING
        rates = scene.rates.per_second(time.perf_counter()) if training else None
        steps, rays, samples = rates or (0.0, 0.0, 0.0)
        self.status = replace(
            self.status,
            steps_per_second=steps,
            rays_per_second=rays,
            samples_per_second=samples,
            views_per_second=self._views.views_per_second(),
            **_status_of(scene),
        )


def _status_of(scene: OpenScene) -> dict[str, Any]:
    """The fields of `Status` that depend on the scene alone, by name."""
    trainer = scene.trainer
    return {
        "scene": scene.info,
        "step": trainer.step_count,
        "seconds": trainer.seconds,
        "losses": scene.losses.points,
        "psnrs": scene.psnrs,
        "march": trainer.settings.march,
        "excluded": trainer.excluded,
        "former": scene.former_run,
    }


def _advice(error: Exception) -> str:
    """One line for the user: our errors say what to do; others are named by their type as well."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if isinstance(error, FirstlightError) else f"{type(error).__name__}: {text or 'no message'}"
