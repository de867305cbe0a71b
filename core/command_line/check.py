"""A look at a dataset before it is trained on."""

from dataclasses import dataclass, field
from typing import Annotated

from core.command_line.flags import DatasetPath, PlaceFlags, ReadFlags, shown_as
from core.config.read_options import ReadOptions
from core.geometry.placement import PlaceOverrides


@dataclass(frozen=True)
class CheckCommand:
    """Check a dataset: what it is, what it needs, and what seems wrong."""

    dataset: DatasetPath
    reading: ReadFlags = field(default_factory=dict)
    output: Annotated[str | None, shown_as("FILE.png", "Draw cameras, points and box into this new picture.")] = None
    place: PlaceFlags = field(default_factory=dict)

    def run(self) -> int:
        reading = ReadOptions(**self.reading)
        PlaceOverrides(**self.place)
        from core.commands import check

        return check.main(self.dataset, reading, self.output, self.place)


COMMAND = CheckCommand
