"""From a pose to a finished picture: the one function behind the live view, screenshots and `render`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from core.cameras import Camera, generate_rays, pinhole_matrix
from core.rays import RenderOutput
from core.rendering import render_image
from core.settings import MarchSettings
from core.stopwatch import Stages, Stopwatch
from core.trainer import Trainer
from viewer import display, overlays
from viewer.messages import Legend, Pose, SceneInfo, ViewRequest
from viewer.view_settings import ViewSettings


@dataclass(frozen=True)
class Rendered:
    """A marched view before display, as numpy arrays of shape (height, width, ...).

    Attributes:
        output: its colours lie over `background`.
        stages: where marching it took its time.
        cells: the first occupied cell on each ray, or None where they were not asked for.
    """

    output: RenderOutput
    stages: Stages
    background: tuple[float, float, float]
    cells: overlays.Cells | None


def camera_of(pose: Pose, width: int, height: int, device: str) -> Camera:
    """The camera of a pose: square pixels, its centre in the middle of the picture."""
    c2w = torch.tensor(pose.c2w, dtype=torch.float32).reshape(4, 4)
    return Camera(c2w, pinhole_matrix(pose.fov_y, width, height), width, height).to(device)


def render_view(
    trainer: Trainer,
    pose: Pose,
    size: tuple[int, int],
    march: MarchSettings,
    view: ViewSettings,
    cancelled: Callable[[], bool] | None = None,
    chunk: int = 1 << 15,
) -> Rendered | None:
    """March a view, and find the occupied cells if `view` shows them.

    Args:
        size: width and height in pixels.
        cancelled: asked between chunks of `chunk` rays; once it says yes, None is returned.
    """
    camera = camera_of(pose, *size, trainer.device)
    background = torch.tensor(view.background, device=trainer.device)
    watch = Stopwatch(trainer.field, trainer.sampler, trainer.device)
    output = render_image(watch.field, watch.sampler, camera, march, background, cancelled, chunk)
    if output is None:
        return None
    stages = watch.stages()
    cells = find_cells(trainer, pose, size, march.occ_thre, view.cells_level) if overlays.wants_cells(view) else None
    return Rendered(RenderOutput(*(x.cpu().numpy() for x in output)), stages, view.background, cells)


def find_cells(trainer: Trainer, pose: Pose, size: tuple[int, int], occ_thre: float, level: int) -> overlays.Cells:
    """The first occupied cell that each pixel's ray meets.

    Args:
        level: the grid level to look at; -1: all of them.
    """
    width, height = size
    hits = trainer.sampler.first_cells(generate_rays(camera_of(pose, width, height, trainer.device)), occ_thre, level)
    return overlays.Cells(*(x.unflatten(0, (height, width)).cpu().numpy() for x in hits))


def compose(
    rendered: Rendered, pose: Pose, view: ViewSettings, scene: SceneInfo, transparent: bool = False
) -> tuple[np.ndarray, Legend | None]:
    """Turn a marched view into colours and draw the overlays on it.

    Returns:
        (height, width, 4) float32 in [0, 1], C-contiguous, and what the colours stand for, None for true colour.
    """
    output = over_background(rendered, view.background)
    rgba, legend = display.to_rgba(output, view, transparent)
    if view.tint_strength > 0.0:
        rgba, tint_legend = display.tinted(rgba, output, view)
        legend = legend or tint_legend
    rgba = overlays.apply(rgba, view, pose, output.depths, output.opacities, scene, rendered.cells)
    return np.ascontiguousarray(rgba), legend


def over_background(rendered: Rendered, background: tuple[float, float, float]) -> RenderOutput:
    """The output over another background than it was marched with: what lets the old one through lets the new one."""
    output = rendered.output
    if background == rendered.background:
        return output
    change = np.subtract(background, rendered.background).astype(np.float32)
    return output._replace(colors=output.colors + (1.0 - output.opacities[..., None]) * change)


def make_picture(
    trainer: Trainer,
    request: ViewRequest,
    scene: SceneInfo,
    transparent: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> np.ndarray | None:
    """The finished picture of a request at its full size, (height, width, 4) float32, or None if cancelled."""
    size = (request.width, request.height)
    rendered = render_view(trainer, request.pose, size, request.march, request.view, cancelled)
    return None if rendered is None else compose(rendered, request.pose, request.view, scene, transparent)[0]
