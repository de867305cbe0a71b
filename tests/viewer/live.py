"""Sessions for tests: the real engine on a tiny ball, advanced tick by tick."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from core.datasets import open_dataset
from core.datasets.dataset import Dataset
from core.training.build import Overrides, new_trainer
from core.training.trainer import Trainer
from tests.ball import CENTRE, RADIUS, read_written, write_ball, write_transforms
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, use_small_presets
from viewer.protocol.requests import Pose, ScreenshotRequest, ViewRequest
from viewer.protocol.status import State
from viewer.protocol.view_settings import ViewSettings
from viewer.scene.open_scene import OpenScene
from viewer.session.session import LocalSession

TINY = Overrides(
    thresholds=dataclasses.asdict(SMALL_TRAINING.march),
    training={
        name: getattr(SMALL_TRAINING, name)
        for name in ("target_samples", "max_rays", "grid_resolution", "grid_samples", "learning_rate")
    },
    field=dataclasses.asdict(SMALL_FIELD),
)


def write_quick_ball(folder: Path) -> Path:
    """A Blender dataset of the ball that names its box, so that opening it takes no search for one."""
    write_ball(folder, train=9, test=3)
    transforms = read_written(folder)
    low, high = ([c + sign * 1.2 * RADIUS for c in CENTRE] for sign in (-1, 1))
    write_transforms(folder, "train", transforms | {"aabb": [*low, *high]})
    return folder


def tiny_trainer(dataset: Dataset, seed: int = 0) -> Trainer:
    return new_trainer(dataset, "cpu", seed, TINY)


def live_session(folder, monkeypatch) -> LocalSession:
    """A session with tiny settings that has opened a dataset and not trained a step yet."""
    use_small_presets(monkeypatch)
    session = LocalSession("cpu")
    session.open(str(folder))
    session._worker.run_commands()
    assert session.status.state is State.TRAINING, session.take_notices()
    return session


def paused_after(session: LocalSession, steps: int) -> LocalSession:
    """The session after a number of steps, paused."""
    for _ in range(steps):
        session.tick()
    session.pause()
    session.tick()
    return session


def trainer_of(session: LocalSession) -> Trainer:
    return session._worker.scene.trainer


def ask(
    session: LocalSession, moving: bool = False, size=(32, 24), camera: int = 0, serial: int = 1, **view
) -> ViewRequest:
    """Request the view of a training camera; returns the request."""
    request = view_request(session.status.scene, session.status.march, moving, size, camera, serial, **view)
    session.request_view(request)
    return request


def view_request(scene, march, moving=False, size=(32, 24), camera=0, serial=1, **view) -> ViewRequest:
    pose = Pose(tuple(float(x) for x in scene.cameras[camera].ravel()), float(scene.camera_fov_y[camera]))
    return ViewRequest(pose, *size, march, ViewSettings(**view), moving, serial)


def screenshot_request(session: LocalSession, folder, transparent: bool = False, **view) -> ScreenshotRequest:
    request = view_request(session.status.scene, session.status.march, **view)
    return ScreenshotRequest(request, str(folder), transparent)


def open_scene(folder, steps: int = 0) -> OpenScene:
    """A new scene, trained for a number of steps."""
    scene = OpenScene(tiny_trainer(open_dataset(folder)))
    for _ in range(steps):
        scene.step()
    return scene


def state_of(trainer: Trainer) -> dict[str, np.ndarray]:
    """Copies of everything that training depends on."""
    tensors = {name: tensor.detach().clone() for name, tensor in trainer.state_tensors().items()}
    tensors["torch's own generator"] = torch.get_rng_state()
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def errors_of(session: LocalSession) -> list[str]:
    """The errors among the notices since the last call."""
    return [notice.text for notice in session.take_notices() if notice.error]
