"""The ways out of a collapsed training: which help against what, and what their buttons say."""

from enum import StrEnum

from core.errors import CollapseKind
from viewer.protocol.runs import Collapse


class Rescue(StrEnum):
    """One way out."""

    OWN = "own thresholds"
    LOWER = "lower thresholds"
    REBUILD = "rebuild grid"
    GO_BACK = "go back"
    ON_CPU = "on the CPU"


HELPFUL = {
    CollapseKind.NOT_FINITE: (Rescue.GO_BACK,),
    CollapseKind.EMPTY_GRID: (Rescue.LOWER, Rescue.REBUILD, Rescue.GO_BACK),
    CollapseKind.NO_SAMPLES: (Rescue.LOWER, Rescue.GO_BACK),
    CollapseKind.GPU_LOST: (Rescue.ON_CPU,),
}
"""The most helpful first. Putting changed thresholds back comes before them; resetting training is always possible."""

TIPS = {
    Rescue.OWN: "Gives training the thresholds that the scene was opened with, rebuilds the grid, and trains on.",
    Rescue.LOWER: "Lowers training's alpha and occupancy thresholds until the densest cell passes, rebuilds the grid, "
    "and trains on.",
    Rescue.REBUILD: "Makes every cell of the grid that may hold something occupied again, and trains on with the same "
    "thresholds.",
    Rescue.GO_BACK: "Goes back to the newest state after which training went well for some seconds, its thresholds "
    "included, and trains on with other batches.",
    Rescue.ON_CPU: "Trains on the CPU from the newest state after which training went well for some seconds, or from "
    "the beginning. The next start of the program uses the GPU again.",
}


def ways_out(collapse: Collapse | None, changed: bool) -> tuple[Rescue, ...]:
    """The rescues that can help, the most helpful first.

    Args:
        changed: training's thresholds are not those the scene was opened with.
    """
    if collapse is None:
        return ()
    ways = HELPFUL[collapse.kind]
    if changed and collapse.kind in (CollapseKind.EMPTY_GRID, CollapseKind.NO_SAMPLES):
        ways = (Rescue.OWN, *ways)
    return tuple(way for way in ways if way is not Rescue.GO_BACK or collapse.last_good is not None)


def label(way: Rescue, collapse: Collapse) -> str:
    """The label of its button."""
    if way is Rescue.GO_BACK:
        return f"Back to step {collapse.last_good}"
    if way is Rescue.ON_CPU:
        where = "" if collapse.last_good is None else f" from step {collapse.last_good}"
        return f"Continue on the CPU{where}"
    return {Rescue.OWN: "Thresholds as opened", Rescue.LOWER: "Lower thresholds", Rescue.REBUILD: "Rebuild the grid"}[
        way
    ]
