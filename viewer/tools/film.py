"""Films as jobs of the exporting tool."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from core.training.still import still_of
from viewer.picture.export.film import FilmOrder, FilmProgress, film_parts
from viewer.scene.open_scene import OpenScene


@dataclass(frozen=True)
class FilmJob:
    """A film; see `viewer.tools.export.ExportJob`."""

    order: FilmOrder

    @property
    def title(self) -> str:
        """The film's name."""
        return Path(self.order.output).name

    def work(self, scene: OpenScene, chunk: Callable[[], int]) -> Generator[FilmProgress, None, list[str]]:
        """See `ExportJob.work`."""
        trainer, info, step = still_of(scene.trainer), scene.info, scene.trainer.step_count
        former = scene.former_trainer
        former = still_of(former) if former is not None and self.order.request.runs else None
        paths = yield from film_parts(self.order, trainer, info, step, former, chunk)
        return [str(path) for path in paths]
