"""What the session's thread does: it owns every torch object, and ticks."""

import sys
import time
import traceback
from collections import deque
from dataclasses import replace
from typing import Any

from core.config.read_options import ReadOptions
from core.errors import FirstlightError
from core.flights.album import Album
from core.kernels.runtime.device import use_chosen_gpu
from core.rendering.backends import BackendChoice
from core.training.build import Overrides, open_trainer
from core.training.snapshot import save_snapshot
from viewer.picture import compose
from viewer.picture.export import screenshots
from viewer.protocol.frames import Frame
from viewer.protocol.requests import ScreenshotRequest
from viewer.protocol.rescues import Rescue
from viewer.protocol.runs import Collapse
from viewer.protocol.status import Notice, State, Status
from viewer.scene.open_scene import OpenScene, opened_scene
from viewer.session.device import SessionDevice
from viewer.session.failure import Failure, advice, failure_of
from viewer.session.mailbox import Mailbox
from viewer.session.view_server import ViewServer
from viewer.tools.toolbox import Toolbox

IDLE_PERIOD = 0.5
"""Seconds after which an idle worker wakes up, so that rates fall to zero and motion ends."""


class _Interrupted(Exception):
    """Aborts the opening of a scene: the session closes, or another scene was asked for."""


class Worker:
    """Trains a scene, renders views and lets tools work. One thread calls its methods; any thread may read `frame`,
    `status` and `traceback`, which are replaced as a whole, leave something in `mail`, and take `notices`.

    Args:
        device: "cpu" or "cuda".
        seed: of the weights and of training.
        backend, check_gpu: as for `SessionDevice`.

    Attributes:
        scene: the open one, or None.
        openings: how many scenes were asked for; counted by the thread that asks.
    """

    def __init__(self, device: str, seed: int, backend: BackendChoice = "auto", check_gpu: bool = False):
        self._device, self._seed = SessionDevice(device, backend, check_gpu), seed
        self.frame: Frame | None = None
        self.status = Status(device=device, backend=self._device.described)
        self.traceback = ""
        self.scene: OpenScene | None = None
        self.tools = Toolbox()
        self.mail = Mailbox()
        self.notices: deque[Notice] = deque()
        self.openings = 0
        self._views = ViewServer(lambda: self.mail.waiting(self.scene is not None), lambda: self.mail.closed)

    def tick(self) -> bool:
        """One round of the worker: commands, a view, a slice of a tool's work, a training step.

        Returns:
            Whether there was anything to do.
        """
        worked = False
        try:
            worked = self.run_commands()
            if self.scene is not None and not self.mail.closed:
                worked |= self._serve_view(self.scene)
                worked |= self._run_tools(self.scene)
                worked |= self._train(self.scene)
        except Exception as error:
            self._fail(error)
        self._publish()
        return worked

    def run(self) -> None:
        """Tick until the mailbox is closed."""
        use_chosen_gpu(self._device.name)
        while not self.mail.closed:
            if not self.tick():
                self.mail.wait(self.scene is not None, IDLE_PERIOD)
        self.tools.close(self.scene)

    def run_commands(self) -> bool:
        """Do the commands that wait; returns whether there were any."""
        worked = False
        while (command := self.mail.take_command()) is not None:
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
        if self.status.state is not State.FAILED and self._failure_of(error).gpu_lost:
            self._fail(error)
            return
        self.notices.append(Notice(advice(error), error=True))
        if not isinstance(error, FirstlightError):
            self.traceback = traceback.format_exc()

    def _serve_view(self, scene: OpenScene) -> bool:
        request = self.mail.take_request()
        if request is not None and self.is_stale(request.scene_serial):
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
        if self._views.moving or self.mail.closed:
            return False
        try:
            return self.tools.slice(scene, self.status.state is State.TRAINING)
        except Exception as error:
            self._report(error)
            return True

    def _train(self, scene: OpenScene) -> bool:
        if self.status.state is not State.TRAINING or self.mail.closed:
            return False
        scene.evaluate()
        fraction = self._views.controller.step_fraction(self._views.moving)
        self._views.controller.stepped(scene.step(fraction), fraction)
        self.notices.extend(map(Notice, scene.take_notes()))
        return True

    def _fail(self, error: Exception) -> None:
        """Stop training; the window and the weights stay. The first failure is kept: later ones follow from it."""
        if self.status.state is State.FAILED:
            return
        self.traceback = traceback.format_exc()
        print(self.traceback, file=sys.stderr)
        failure = self._failure_of(error)
        self._set(State.FAILED, *failure)
        if failure.gpu_lost:
            self._device.lose_gpu()

    def _failure_of(self, error: Exception) -> Failure:
        return failure_of(error, None if self.scene is None else self.scene.trainer)

    def open(self, path: str, reading: ReadOptions, opening: int, overrides: Overrides | None) -> None:
        """Open a scene and train it, unless another opening than `opening` was asked for meanwhile."""
        before = self.status

        def progress(share: float, text: str) -> None:
            if self.mail.closed or opening != self.openings:
                raise _Interrupted
            self.status = replace(self.status, state=State.LOADING, message=text, progress=share)

        try:
            if (notice := self._device.get_ready(progress)) is not None:
                self.notices.append(notice)
            progress(0.0, f"opening {path}")
            try:
                trainer = open_trainer(path, reading, self._device.name, self._seed, progress, overrides)
            except ValueError as error:
                if overrides is None:
                    raise
                raise FirstlightError(str(error)) from error  # nothing could be learnt in this place or by this method
            scene = opened_scene(trainer, path)
        except BaseException:
            self.status = before
            raise
        self.take_over(scene)
        self.notices.extend(map(Notice, scene.info.notes))

    def take_over(self, scene: OpenScene) -> None:
        """Train a scene in place of the open one."""
        self.scene, self.traceback = scene, ""
        self._views.forget()
        self.tools.new_scene(scene)
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

    def pause(self) -> None:
        """See `Session.pause`."""
        if self.status.state is State.TRAINING and self.scene is not None:
            self.scene.rates.clear()
            self._views.controller.stale()
            self._set(State.PAUSED)

    def resume(self) -> None:
        """See `Session.resume`."""
        if self.status.state in (State.PAUSED, State.FAILED):
            self.traceback = ""
            self._set(State.TRAINING)

    def rescue(self, scene: OpenScene, way: Rescue) -> None:
        """See `Session.rescue`."""
        if way is Rescue.ON_CPU:
            self.take_over(scene.on_cpu())
            return
        self.notices.append(Notice(scene.rescue(way)))
        self._views.outdated()
        self._publish()  # training's new thresholds first: the window compares them once the collapse is over
        self.resume()

    def save_snapshot(self, path: str, album: Album | None) -> None:
        """See `Session.save_snapshot`."""
        if self.scene is None:
            raise FirstlightError("there is no scene to save: open a dataset first")
        save_snapshot(path, self.scene.trainer, album)
        self.notices.append(Notice(f"Saved {path}"))

    def screenshot(self, request: ScreenshotRequest) -> None:
        """See `Session.screenshot`."""
        if self.scene is None:
            raise FirstlightError("there is no scene to take a picture of: open a dataset first")
        trainer, former, info, view = self.scene.trainer, self.scene.former_trainer, self.scene.info, request.view
        rgba = compose.make_picture(trainer, view, info, request.transparent, lambda: self.mail.closed, former)
        if rgba is not None:
            path = screenshots.save(request, rgba, info.name, trainer.step_count, info.path, device=trainer.device)
            self.notices.append(Notice(f"Saved {path}"))

    def is_stale(self, meant: int | None) -> bool:
        """Whether the window meant another scene than the open one: it may ask before it has seen the new status."""
        return meant is not None and meant != self.status.scene_serial

    def _set(self, state: State, message: str = "", collapse: Collapse | None = None) -> None:
        self.status = replace(self.status, state=state, message=message, progress=None, collapse=collapse)

    def _publish(self) -> None:
        scene, computing = self.scene, {"device": self._device.name, "backend": self._device.described}
        if scene is None:
            self.status = replace(self.status, **computing)
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
            **computing,
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
        "march": trainer.effective_march,
        "excluded": trainer.excluded,
        "former": scene.former_run,
    }
