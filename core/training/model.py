"""Everything that training changes: a field, its sampler, the occupancy grid, and the averaged field that is shown."""

from typing import Any

import torch
from torch import Tensor, nn

from core.config.training import TrainSettings
from core.datasets.dataset import Dataset
from core.fields import make_field
from core.fields.base import FieldSettings
from core.fields.domain import space_of
from core.geometry.boxes import outer_box
from core.samplers import make_sampler
from core.samplers.base import LearningSampler, SamplerInputs, SamplerSettings
from core.samplers.occupancy_grid import OccupancyGrid
from core.training.averaging import Averaged


class Model:
    """A fresh field, sampler and grid for a dataset.

    Args:
        dataset: defines the space that they cover.
        field_settings: of one of `core.fields.FIELDS`, or of a user's own field.
        sampler_settings: of one of `core.samplers.SAMPLERS`.
        train_settings: the grid's levels and resolution.
        generator: draws the initial weights, on the CPU.

    Attributes:
        field: the field that is trained.
        shown: the field with the running mean of its weights. A user's own field is shown as it is: it may keep state
            that averaging would miss.
        grid: the occupancy grid, updated whatever the sampler, as it shows where something is.
        sampler: places the samples.
        learning_sampler: the sampler if it is trained together with the field, else None.

    Raises:
        ValueError: see `space_of`.
        FieldError: see `make_field`.
    """

    def __init__(
        self,
        dataset: Dataset,
        field_settings: FieldSettings,
        sampler_settings: SamplerSettings,
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
        """All modules, by the prefixes of their tensors' names."""
        parts: dict[str, nn.Module] = {"field": self.field, "grid": self.grid}
        if self.shown is not self.field:
            parts["shown"] = self.shown
        if self.learning_sampler is not None:
            parts["sampler"] = self.learning_sampler
        return parts

    def parameters(self) -> dict[str, nn.Parameter]:
        """All learnt parameters by name; the field's have no prefix."""
        parameters = dict(self.field.named_parameters())
        if self.learning_sampler is not None:
            parameters |= {f"sampler.{name}": value for name, value in self.learning_sampler.named_parameters()}
        return parameters

    def follow(self, step: int) -> None:
        """Update the averaged weights after a step."""
        if self._averaged is not None:
            self._averaged.follow(step)

    def groups(self) -> list[dict[str, Any]]:
        """All learnt parameters in an optimiser's groups; "factor" multiplies a group's learning rate."""
        groups = [{"params": self.field.parameters(), "factor": 1.0}]
        if (learning := self.learning_sampler) is not None:
            groups.append({"params": learning.parameters(), "factor": learning.rate_factor})
        return groups

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, and the grid's observations since its last update."""
        tensors = {
            f"{part}.{name}": value
            for part, module in self.parts.items()
            for name, value in module.state_dict().items()
        }
        return tensors | {"observed": self.grid.seen}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Load the `tensors()` of a model made with the same arguments; without averaged weights among them, the
        trained ones are shown."""
        for part, module in self.parts.items():
            known = under(f"{part}.", tensors)
            module.load_state_dict(under("field.", tensors) if part == "shown" and not known else known)
        self.grid.seen.copy_(tensors["observed"])


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
