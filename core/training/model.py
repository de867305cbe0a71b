"""What training moves: a field, what samples it, the grid of what is occupied, and the mean that is shown of it."""

from typing import Any

import torch
from torch import Tensor, nn

from core.config.training import TrainSettings
from core.datasets.dataset import Dataset
from core.fields import make_field
from core.fields.domain import space_of
from core.geometry.boxes import outer_box
from core.samplers import make_sampler
from core.samplers.base import LearningSampler, SamplerInputs
from core.samplers.occupancy_grid import OccupancyGrid
from core.training.averaging import Averaged


class Model:
    """A fresh field, sampler and grid for a dataset.

    Args:
        dataset: says where they lie.
        field_settings, sampler_settings: of one of `core.fields.FIELDS`, or of a field of the user's own, and
            of one of `core.samplers.SAMPLERS`.
        train_settings: the grid's levels and cells.
        generator: draws the initial weights, on the CPU.

    Attributes:
        field: what learns.
        shown: the mean of its last weights. A field of the user's own is shown as it is: it may keep what changes
            where no mean finds it.
        grid: the occupancy grid, which is kept up whatever the sampler: it shows where something is.
        sampler: what places samples.
        learning_sampler: the sampler, where it is trained beside the field; else None.

    Raises:
        ValueError: see `space_of`.
        FieldError: see `make_field`.
    """

    def __init__(
        self,
        dataset: Dataset,
        field_settings: Any,
        sampler_settings: Any,
        train_settings: TrainSettings,
        device: str,
        generator: torch.Generator,
    ):
        n_levels, space = train_settings.grid_levels, space_of(dataset, train_settings)
        self.field = make_field(field_settings, space, generator).to(device)
        self._averaged = Averaged(self.field) if self.field.averaged else None
        self.shown = self.field if self._averaged is None else self._averaged.field
        self.grid = OccupancyGrid(dataset.box, train_settings.grid_resolution, n_levels).to(device)
        inputs = SamplerInputs(self.grid, outer_box(dataset.box, n_levels), space, field_settings, generator)
        self.sampler = make_sampler(sampler_settings, inputs)
        self.learning_sampler = self.sampler.to(device) if isinstance(self.sampler, LearningSampler) else None

    @property
    def parts(self) -> dict[str, nn.Module]:
        """All modules, by the names that stand before those of their tensors."""
        parts: dict[str, nn.Module] = {"field": self.field, "grid": self.grid}
        if self.shown is not self.field:
            parts["shown"] = self.shown
        if self.learning_sampler is not None:
            parts["sampler"] = self.learning_sampler
        return parts

    def parameters(self) -> dict[str, nn.Parameter]:
        """All that is learnt, by name; the field's bear their own."""
        parameters = dict(self.field.named_parameters())
        if self.learning_sampler is not None:
            parameters |= {f"sampler.{name}": value for name, value in self.learning_sampler.named_parameters()}
        return parameters

    def follow(self, step: int) -> None:
        """Let what is shown follow what a step has learnt."""
        if self._averaged is not None:
            self._averaged.follow(step)

    def groups(self) -> list[dict[str, Any]]:
        """All that is learnt, as an optimiser takes it; "factor" is what a group's learning rate is multiplied by."""
        groups = [{"params": self.field.parameters(), "factor": 1.0}]
        if (learning := self.learning_sampler) is not None:
            groups.append({"params": learning.parameters(), "factor": learning.rate_factor})
        return groups

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers, by name, and what the grid has observed for its next update."""
        tensors = {
            f"{part}.{name}": value
            for part, module in self.parts.items()
            for name, value in module.state_dict().items()
        }
        return tensors | {"observed": self.grid.seen}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take `tensors` of a model that was made with the same arguments; one without a mean shows what learns."""
        for part, module in self.parts.items():
            known = under(f"{part}.", tensors)
            module.load_state_dict(under("field.", tensors) if part == "shown" and not known else known)
        self.grid.seen.copy_(tensors["observed"])


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those tensors whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
