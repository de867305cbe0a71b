"""How a field is trained: batches, learning rate, the occupancy grid's upkeep, and training's own thresholds."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from core.config.contractions import Contraction
from core.config.march import MarchSettings
from core.config.setting import Setting, validate

OccThreRule = Literal["fixed", "at-most-the-mean"]


@dataclass(frozen=True)
class TrainSettings:
    """How a field is trained."""

    target_samples: Annotated[
        int, Setting("Samples a step keeps and learns from; the number of rays follows.", low=64, high=1 << 24)
    ] = 1 << 18
    max_rays: Annotated[int, Setting("At most this many rays a step.", low=1, high=1 << 22)] = 1 << 18
    learning_rate: Annotated[float, Setting("Adam's rate after the warm-up.", low=1e-6, high=1.0, log=True)] = 1e-2
    warmup_steps: Annotated[int, Setting("Steps over which the rate grows to its full value.", low=0, high=10000)] = 20
    decay_steps: Annotated[
        int,
        Setting(
            "An open-ended run's rate falls as 1 / (1 + step / decay_steps): it settles, and never stops learning.",
            low=1,
            high=10**9,
        ),
    ] = 5000
    horizon_steps: Annotated[
        int | None, Setting("Steps the run will take; its rate falls to a tenth over the second half.", low=1)
    ] = None
    horizon_seconds: Annotated[
        float | None, Setting("Training time the run will take; as horizon_steps, for a run of known time.", low=0.0)
    ] = None
    grid_resolution: Annotated[int, Setting("Occupancy cells per side.", low=4, high=512)] = 128
    grid_levels: Annotated[int, Setting("Nested occupancy grids, each twice as large.", low=1, high=8)] = 1
    grid_update_every: Annotated[int, Setting("Steps between updates of the occupancy grid.", low=1, high=4096)] = 16
    grid_decay: Annotated[
        float, Setting("A stored occupancy value is multiplied by this before an update.", low=0.0, high=1.0)
    ] = 0.95
    grid_samples: Annotated[
        int,
        Setting("Cells an update evaluates beside what rays met, once the grid is warm.", low=64, high=1 << 24),
    ] = 1 << 20
    grid_warmup_steps: Annotated[
        int, Setting("Until this step an update evaluates every cell.", low=0, high=100_000)
    ] = 256
    occ_thre_rule: Annotated[
        OccThreRule,
        Setting(
            "Training's occupancy threshold: as it is set, or at most the mean of the cells' values, as in nerfacc, "
            "which keeps a young field's cells."
        ),
    ] = "fixed"
    weight_entropy: Annotated[
        float, Setting("How much the entropy of a ray's weights adds to the loss: it thins fog.", low=0.0, high=1.0)
    ] = 0.0
    march: MarchSettings = field(default_factory=lambda: MarchSettings(early_stop_eps=1e-4))
    """Training's own copy of the thresholds."""
    contraction: Contraction | None = None
    """How space around the box fits into the field, see `CONTRACTIONS`; None: as suits the levels."""

    def __post_init__(self) -> None:
        validate(self)
