"""The effect of the marcher's settings in the present view, where it differs from what their values say. Pure.

Only bounds that follow from the mathematics are shown, see `core.kernels.marching`, and settings that the scene's
sampler doesn't use: nothing else comes between a slider and the march.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.types import Box
from core.geometry.boxes import crop_box, distances_to_box
from core.kernels.grid import FLOAT_SPACING
from core.samplers import SAMPLERS
from core.samplers.base import SamplerSettings


class Effect(NamedTuple):
    """The effect of a value.

    Attributes:
        short: a few words that fit on a slider.
        sentence: the same with its reason.
    """

    short: str
    sentence: str


def effects(
    march: MarchSettings,
    position: Sequence[float],
    box: Box | None,
    training_step: float,
    sampler: SamplerSettings,
    capped: float | None = None,
) -> dict[str, Effect]:
    """The settings' effects by field name; settings that do just what their values say are left out.

    Args:
        march: the view's.
        position: the camera's, x y z.
        box: see `SceneInfo.bounds`.
        training_step: the step size in the grid's stored density * step.
        sampler: the sampler's settings.
        capped: training's occupancy threshold as it acts under a rule that bounds it, see
            `TrainSettings.occ_thre_rule`; None: there is no such rule.
    """
    inside = march.crop if box is None else crop_box(box, march.crop)
    nearest, farthest = (0.0, math.inf) if inside is None else reach(inside, position)
    first, last = max(nearest, march.near_plane), min(farthest, march.far_plane)
    found = _planes(march, nearest, farthest)
    if sampler.marches_grid:
        found |= _of_the_grid(march, first, last, training_step, capped)
    elif march.alpha_thre > 0.0 and sampler.skips_faint_rays:
        opacity = f"{100.0 * march.alpha_thre:.4g} %"
        found["alpha_thre"] = Effect(f"opacity {opacity}", f"Rays of an opacity below {opacity} get no samples.")
    if march.early_stop_eps > 0.0:
        opacity = 100.0 * (1.0 - march.early_stop_eps)
        found["early_stop_eps"] = Effect(f"opacity {opacity:.4g} %", f"Stops behind an opacity of {opacity:.4g} %.")
    return found | _unused(sampler)


def reach(box: Box, position: Sequence[float]) -> tuple[float, float]:
    """The nearest and farthest distance of a box from a point; infinity and 0 for an empty box."""
    if any(low >= high for low, high in zip(box[:3], box[3:], strict=True)):
        return math.inf, 0.0
    return distances_to_box(box, position)


def _of_the_grid(
    march: MarchSettings, first: float, last: float, training_step: float, capped: float | None
) -> dict[str, Effect]:
    """Effects of a march through the grid, whose samples lie between the distances `first` and `last`."""
    steps, found = (march.render_step_size,) * 2, {}
    if first < last:
        steps = _step_at(march, first), _step_at(march, last)
        found |= _steps(march, first, last, *steps)
    if march.alpha_thre > 0.0:
        found["alpha_thre"] = _thinnest(*(-math.log1p(-march.alpha_thre) / step for step in reversed(steps)))
    if march.occ_thre > 0.0:
        density = march.occ_thre / training_step
        found["occ_thre"] = Effect(
            f"density {density:.3g} /unit",
            f"Marches cells of a density above {density:.3g} per unit: the threshold over training's step, "
            f"{training_step:.3g} units.",
        )
        if capped is not None and capped < march.occ_thre:
            rule = f"Training's is {capped:.3g} now: at most the mean of the cells' values (its occ_thre_rule)."
            found["occ_thre"] = Effect(f"training: {capped:.3g}", f"{found['occ_thre'].sentence} {rule}")
    return found


def _unused(sampler: SamplerSettings) -> dict[str, Effect]:
    """The settings that a sampler doesn't use, and what uses them instead."""
    kind, found = SAMPLERS.name_of(sampler), {}
    for name in set(MARCH_NUMBERS) - set(sampler.reads):
        found[name] = Effect(f"{kind}: not used", f"The sampler {kind} doesn't use it.")
    if "occ_thre" in found:
        more = "It decides which cells the panel Occupancy shows, and is set there."
        found["occ_thre"] = found["occ_thre"]._replace(sentence=f"The sampler {kind} doesn't use it. {more}")
    return found


def _planes(march: MarchSettings, nearest: float, farthest: float) -> dict[str, Effect]:
    found = {}
    if farthest <= 0.0:
        return {"near_plane": Effect("nothing left", "The crop box lies beside the scene: no ray has a sample.")}
    if march.near_plane >= farthest:
        found["near_plane"] = Effect("nothing left", f"The box ends at {farthest:.3g} units: no ray has a sample.")
    elif march.near_plane < nearest:
        found["near_plane"] = Effect(f"box at {nearest:.3g}", f"Samples begin with the box, at {nearest:.3g} units.")
    if march.far_plane <= nearest:
        found["far_plane"] = Effect("nothing left", f"The box begins at {nearest:.3g} units: no ray has a sample.")
    elif march.far_plane > farthest:
        found["far_plane"] = Effect(f"box to {farthest:.3g}", f"Samples end with the box, at {farthest:.3g} units.")
    return found


def _thinnest(low: float, high: float) -> Effect:
    """The effect of the alpha threshold: the densities that just pass it at the longest and the shortest step."""
    if low == high:
        return Effect(f"density {low:.3g} /unit", f"Skips samples of a density below {low:.3g} per unit.")
    return Effect(
        f"{low:.2g} to {high:.2g} /unit",
        f"Skips samples of a density below {high:.3g} per unit; far away, where steps are longer, below {low:.3g}.",
    )


def _step_at(march: MarchSettings, t: float) -> float:
    """The marcher's step at a distance."""
    return max(march.render_step_size, march.cone_angle * t, FLOAT_SPACING * t)


def _steps(march: MarchSettings, first: float, last: float, shortest: float, longest: float) -> dict[str, Effect]:
    """Effects of the step size and the cone angle between the distances where samples lie."""
    step, knee = march.render_step_size, math.inf
    if march.cone_angle > 0.0:
        knee = step / march.cone_angle
    found = {}
    if longest > step:
        found["render_step_size"] = Effect(
            f"{shortest:.2g} to {longest:.2g}",
            f"Steps are {shortest:.3g} units long at {first:.3g} units and {longest:.3g} at {last:.3g}"
            + (", for they grow by the cone angle." if last > knee else ": float32 has no shorter ones there."),
        )
    if march.cone_angle > 0.0:
        if knee >= last:
            found["cone_angle"] = Effect("no effect", f"Steps would grow from {knee:.3g} units on, behind the scene.")
        else:
            found["cone_angle"] = Effect(f"from {knee:.3g} units", f"Steps grow from {knee:.3g} units on.")
    return found
