"""From marched views to the finished picture: the one path behind the live view, screenshots and `render`."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import numpy as np
import torch

from core.rendering.metrics import PixelErrors
from core.rendering.render import finished_parts
from core.training.trainer import Trainer
from viewer.picture import compare, display
from viewer.picture.colors import with_alpha
from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.drawing import draw_overlays
from viewer.picture.overlays.ray import with_ray
from viewer.picture.overlays.trail import with_trail
from viewer.picture.photo import Photo
from viewer.picture.pixels import PixelArrays
from viewer.picture.render import Chunk, Rendered, whole_parts
from viewer.protocol.frames import Legend
from viewer.protocol.optics import ray_offsets
from viewer.protocol.requests import Pose, SceneRay, Trail, ViewRequest
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import Compare, CompareAs, Mode, ViewSettings


def compose(
    rendered: Rendered,
    pose: Pose,
    view: ViewSettings,
    scene: SceneInfo,
    transparent: bool = False,
    ray: SceneRay | None = None,
    trail: Trail | None = None,
) -> tuple[np.ndarray, tuple[Legend, ...]]:
    """Turn a marched view into colours, draw the overlays, and put what it is compared with beside it.

    Returns:
        (height, width, 4) float32 in [0, 1], C-contiguous, and the legends: none for true colour.
    """
    if view.compare in (Compare.SETTINGS, Compare.RUN) and rendered.other is not None:
        rgba, legends = _beside_other(rendered, rendered.other, pose, view, scene, transparent)
    elif view.compare is Compare.PHOTO and rendered.photo is not None:
        rgba, legends = _beside_photo(rendered, rendered.photo, pose, view, scene, transparent)
    else:
        output = over_background(rendered, view.background)
        rgba, legends = _painted(output, view, scene, transparent)
        rgba = draw_overlays(rgba, view, pose, output.depths, output.opacities, scene, rendered.layers)
    shows_scene = view.compare is Compare.OFF or view.compare_as is not CompareAs.DIFFERENCE
    if trail is not None and shows_scene:
        output = rendered.output
        rgba = with_trail(rgba, trail, view, pose, output.depths, output.opacities, scene.box, rendered.layers)
    if ray is not None and shows_scene:
        seen = rendered.other if ray.of_a and rendered.other is not None else rendered
        rgba = with_ray(rgba, ray, view, pose, seen.output.depths, seen.output.opacities, seen.layers)
    return np.ascontiguousarray(rgba), legends


def _painted(
    output: PixelArrays, view: ViewSettings, scene: SceneInfo, transparent: bool
) -> tuple[np.ndarray, tuple[Legend, ...]]:
    """The picture before overlays are drawn over it, and the legends of everything that will be shown."""
    endless = scene.bounds is None
    rgba, legend = display.to_rgba(output, view, transparent, endless)
    legends = [legend]
    if view.tint_strength > 0.0:
        rgba, legend = display.tinted(rgba, output, view, endless)
        legends.append(legend)
    legends += grid_cells.legends(view, scene)
    return rgba, tuple(dict.fromkeys(x for x in legends if x is not None))


def _beside_other(
    rendered: Rendered, other: Rendered, pose: Pose, view: ViewSettings, scene: SceneInfo, transparent: bool
) -> tuple[np.ndarray, tuple[Legend, ...]]:
    """The view as A and as B show it, on one scale; a difference has no overlays."""
    a, b = over_background(other, view.background), over_background(rendered, view.background)
    if view.compare_as is CompareAs.DIFFERENCE:
        rgba, legend = compare.difference(a, b, view.mode, "A - B")
        return rgba, (legend,)
    both = PixelArrays(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))
    rgba, legends = _painted(both, view, scene, transparent)
    first, second = np.split(rgba, 2)
    first = draw_overlays(first, view, pose, a.depths, a.opacities, scene, other.layers)
    second = draw_overlays(second, view, pose, b.depths, b.opacities, scene, rendered.layers)
    return compare.mixed(first, second, view), legends


def _beside_photo(
    rendered: Rendered, photo: Photo, pose: Pose, view: ViewSettings, scene: SceneInfo, transparent: bool
) -> tuple[np.ndarray, tuple[Legend, ...]]:
    """The photo and the view. A photo has only colours: in every mode the difference is that of colours."""
    output = over_background(rendered, view.background)
    colors = photo.over(view.background)
    if view.compare_as is CompareAs.DIFFERENCE:
        colors = np.where(photo.inside[..., None] > 0.5, colors, output.colors)
        rgba, legend = compare.difference(output._replace(colors=colors), output, Mode.COLOR, "photo - render")
        return rgba, (legend,)
    pictured = output._replace(colors=colors, opacities=photo.opacities)
    first, _ = display.to_rgba(pictured, replace(view, mode=Mode.COLOR), transparent)
    second, legends = _painted(output, view, scene, transparent)
    second = draw_overlays(second, view, pose, output.depths, output.opacities, scene, rendered.layers)
    return compare.mixed(first, second, view), () if view.compare_as is CompareAs.FIRST else legends


def errors_between(first: Rendered, second: Rendered, background: tuple[float, float, float]) -> PixelErrors:
    """The difference of two views of one size, over a background."""
    errors = PixelErrors()
    errors.add(*(torch.from_numpy(over_background(r, background).colors).view(-1, 3) for r in (first, second)))
    return errors


def over_background(rendered: Rendered, background: tuple[float, float, float]) -> PixelArrays:
    """The output over another background than it was marched with: both shine through alike."""
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
    former: Trainer | None = None,
) -> np.ndarray | None:
    """The finished picture of a request at its full size, (height, width, 4) float32, or None if cancelled.

    Args:
        former: as for `completed`.
    """
    parts = picture_parts(trainer, (request,), (request.view,), scene, transparent, former)
    pictures = finished_parts(parts, cancelled)
    return None if pictures is None else pictures[0]


def picture_parts(
    trainer: Trainer,
    takes: Sequence[ViewRequest],
    views: Sequence[ViewSettings],
    scene: SceneInfo,
    transparent: bool = False,
    former: Trainer | None = None,
    chunk: Chunk = None,
) -> Generator[None, None, list[np.ndarray]]:
    """Finished pictures of one moment for a file, in parts: it yields between chunks of rays. A picture is the mean of
    those of all its optics' rays.

    Args:
        takes: one request, or one for each ray of a pixel, which may differ in their poses.
        views: what is shown; the takes are marched once for all of them.
        former: as for `completed`.

    Returns:
        For each view, (height, width, 4) float32.
    """
    offsets = ray_offsets(takes[0].optics.samples_per_pixel)
    several = len(offsets) > 1
    sums: list[np.ndarray] = []
    for i, offset in enumerate(offsets):
        take = takes[i % len(takes)]
        rendered = yield from whole_parts(trainer, take, former, offset if several else None, chunk)
        pictures = [finished(rendered, replace(take, view=view), scene, transparent) for view in views]
        if not several:
            return pictures
        weighted = [with_alpha(rgba[..., :3] * rgba[..., 3:], rgba[..., 3]) for rgba in pictures]
        sums = [a + b for a, b in zip(sums, weighted, strict=True)] if sums else weighted
    means = [rgba / np.float32(len(offsets)) for rgba in sums]
    return [with_alpha(rgba[..., :3] / np.maximum(rgba[..., 3:], 1e-6), rgba[..., 3]) for rgba in means]


def finished(rendered: Rendered, request: ViewRequest, scene: SceneInfo, transparent: bool = False) -> np.ndarray:
    """The picture for a file, of a request's marched view, (height, width, 4) float32."""
    rgba, _ = compose(rendered, request.pose, request.view, scene, transparent, request.ray, request.trail)
    return compare.with_divider(rgba, request.view.divider) if has_divider(rendered, request.view) else rgba


def has_divider(rendered: Rendered, view: ViewSettings) -> bool:
    """Whether the picture shows different things left and right of the divider."""
    beside = rendered.photo if view.compare is Compare.PHOTO else rendered.other
    return view.compare is not Compare.OFF and beside is not None and view.compare_as is CompareAs.DIVIDER
