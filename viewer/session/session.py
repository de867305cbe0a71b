"""The session: one worker thread that owns every torch object, and the mailbox through which the window talks to it.

The window's thread calls the public methods, none of which waits: they leave a command or the newest view request and
return. The worker replaces `frame` and `status` as a whole; reading them needs no lock.
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
from viewer.picture import pictures
from viewer.picture.export import screenshots
from viewer.protocol.frames import Frame
from viewer.protocol.requests import ScreenshotRequest, ViewRequest
from viewer.protocol.runs import Collapse
from viewer.protocol.status import Notice, State, Status
from viewer.scene.open_scene import OpenScene
from viewer.scene.recovery import Rescue
from viewer.session.mailbox import Mailbox
from viewer.session.view_server import ViewServer
from viewer.tools import Toolbox

IDLE_PERIOD = 0.5
"""Seconds after which an idle worker looks around, so that rates fall to zero and motion ends."""


class _Interrupted(Exception):
    """Ends the opening of a scene because the session closes or another scene was asked for."""


class Session:
    """Trains a scene and answers view requests.

    Args:
        device: "cpu", "cuda" or None for the best there is.
        seed: of the weights and the training.

    Attributes:
        frame: the newest finished picture, or None.
        status: what the session does.
        traceback: of the first failure since training last went well, "" without one.

    Raises:
        BackendUnavailable: the device isn't there.
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
        """Start the worker thread."""
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 1.0) -> bool:
        """End the worker; gives whether it ended in time. One that is still in a slow step ends with the process."""
        self._mail.close()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def open(self, path: str, reading: ReadOptions = AS_STORED, wished: Overrides | None = None) -> None:
        """Open a dataset, a demo by its name or a snapshot, and train it. A failure leaves the open scene as it is.

        Args:
            wished: its method and its place, where these aren't to be the usual ones.
        """
        self._openings += 1
        opening = self._openings
        self._queue(lambda: self._open(path, reading, opening, wished))

    def pause(self) -> None:
        """Let training stand; views are answered as before."""
        self._queue(self._pause)

    def resume(self) -> None:
        """Train on after a pause or a failure."""
        self._queue(self._resume)

    def reset(self) -> None:
        """Start the open scene's training again from nothing."""
        self._take_over_by(lambda scene: scene.restarted(self._seed))

    def train_in(self, place: Place, scene_serial: int | None = None) -> None:
        """Start the open scene's training again from nothing in another place.

        Args:
            scene_serial: as for `ViewRequest`; where another scene is open by then, nothing is done.
        """
        self._take_over_by(lambda scene: scene.moved(place, self._seed), scene_serial)

    def train_with(self, method: Overrides, scene_serial: int | None = None) -> None:
        """Start the open scene's training again from nothing with another method. The present run is kept to be
        compared; one that can't be made leaves it as it is. `scene_serial` as for `train_in`."""
        self._take_over_by(lambda scene: scene.with_method(method, self._seed), scene_serial)

    def take_up(self, scene_serial: int | None = None) -> None:
        """Go on with the former run and keep the present one in its place. `scene_serial` as for `train_in`."""
        self._take_over_by(OpenScene.taken_up, scene_serial)

    def forget_former(self, scene_serial: int | None = None) -> None:
        """Let the former run go. `scene_serial` as for `train_in`."""
        self._with_scene(OpenScene.forget_former, scene_serial)

    def turn_up(self, up: tuple[float, float, float], scene_serial: int | None = None) -> None:
        """Take another unit vector for the scene's up; training goes on. `scene_serial` as for `train_in`."""
        self._with_scene(lambda scene: scene.turn_up(up), scene_serial)

    def rescue(self, way: Rescue) -> None:
        """Take a way out of a collapse and train on."""
        self._with_scene(lambda scene: self._rescue(scene, way))

    def set_training_march(self, march: MarchSettings | None) -> None:
        """Train with these thresholds from the next step on; None: with those the scene was opened with."""
        self._with_scene(lambda scene: scene.set_training_march(march))

    def include(self, view: int, included: bool, scene_serial: int | None = None) -> None:
        """Train with or without one of the training views from the next step on. `scene_serial` as for `train_in`."""
        self._with_scene(lambda scene: scene.include(view, included), scene_serial)

    def save_snapshot(self, path: str) -> None:
        """Write the training's whole state to a file."""
        self._queue(lambda: self._save_snapshot(path))

    def screenshot(self, request: ScreenshotRequest) -> None:
        """Render a view at its full size and save it as a new PNG."""
        self._queue(lambda: self._screenshot(request))

    def ask(self, tool: str, question: Any) -> None:
        """Ask one of `viewer.tools` for something, or with None for nothing more; `result` gives the newest answer."""
        meant = getattr(question, "scene_serial", None)
        self._with_scene(lambda scene: self._tools.ask(tool, question, scene), meant)

    def result(self, tool: str) -> Any:
        """The newest result of a tool, or None."""
        return self._tools.result(tool)

    def request_view(self, request: ViewRequest) -> None:
        """Ask for a picture; it supersedes the one asked for before."""
        self._mail.request(request)

    def take_notices(self) -> list[Notice]:
        """What there is to tell the user; each notice is given once."""
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
        """Leave a command for the worker; one that is meant for a scene is dropped when another is open by then."""
        self._mail.leave(lambda: None if self._is_stale(meant) else command())

    def _with_scene(self, act: Callable[[OpenScene], object], meant: int | None = None) -> None:
        """Leave something to do with the open scene; nothing is done without one."""
        self._queue(lambda: None if self._scene is None else act(self._scene), meant)

    def _take_over_by(self, follow: Callable[[OpenScene], OpenScene], meant: int | None = None) -> None:
        """Let the scene that follows the open one take over."""
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
                self._tell(error)
        return worked

    def _tell(self, error: Exception) -> None:
        """Show an error of something that was asked for; training goes on."""
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
        """A panel's work, while the camera rests. What fails there stops the tool and nothing else."""
        if self._views.moving or self._mail.closed:
            return False
        try:
            return self._tools.slice(scene, self.status.state is State.TRAINING)
        except Exception as error:
            self._tell(error)
            return True

    def _train(self, scene: OpenScene) -> bool:
        if self.status.state is not State.TRAINING or self._mail.closed:
            return False
        scene.evaluate()
        fraction = self._views.controller.step_fraction(self._views.moving)
        self._views.controller.stepped(scene.step(fraction), fraction)
        return True

    def _fail(self, error: Exception) -> None:
        """Training stops, the window and the weights stay. What failed first is kept: the rest follows from it."""
        if self.status.state is State.FAILED:
            return
        self.traceback = traceback.format_exc()
        print(self.traceback, file=sys.stderr)
        collapse = None
        if isinstance(error, TrainingCollapsed):
            collapse = Collapse(error.kind, error.since, self._scene.trainer.last_good_step)
        message = f"{_advice(error)}. Training has stopped; the weights can still be saved."
        self._set(State.FAILED, message, collapse)

    def _open(self, path: str, reading: ReadOptions, opening: int, wished: Overrides | None) -> None:
        before = self.status

        def progress(share: float, text: str) -> None:
            if self._mail.closed or opening != self._openings:
                raise _Interrupted
            self.status = replace(self.status, state=State.LOADING, message=text, progress=share)

        try:
            progress(0.0, f"opening {path}")
            try:
                trainer = open_trainer(path, reading, self._device, self._seed, progress, wished)
            except ValueError as error:
                if wished is None:
                    raise
                raise FirstlightError(str(error)) from error  # nothing could be learnt in this place, or this way
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
        # as one: the window takes the thresholds along when it sees a new serial
        self.status = replace(
            self.status,
            state=State.TRAINING,
            message="",
            progress=None,
            collapse=None,
            scene_serial=self.status.scene_serial + 1,
            **_told_of(scene),
        )

    def _pause(self) -> None:
        if self.status.state is State.TRAINING:
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
        self._publish()  # training's thresholds first: the window looks at them once the collapse is over
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
        rgba = pictures.make_picture(
            trainer, request.view, info, request.transparent, lambda: self._mail.closed, former
        )  # fmt: skip
        if rgba is not None:
            path = screenshots.save(request, rgba, info.name, trainer.step_count, info.path, device=self._device)
            self._notices.append(Notice(f"Saved {path}"))

    def _is_stale(self, meant: int | None) -> bool:
        """Whether the window meant another scene than the open one: it may ask before it knows."""
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
            **_told_of(scene),
        )


def _told_of(scene: OpenScene) -> dict[str, Any]:
    """What the status tells of a scene itself, by the names in `Status`."""
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
    """One line for the user: our errors say what to do; of others the kind is told as well."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if isinstance(error, FirstlightError) else f"{type(error).__name__}: {text or 'no message'}"
