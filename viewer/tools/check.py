"""What the check says of the open dataset: at once of its poses, and soon of its pictures."""

import time
from dataclasses import dataclass, replace

import numpy as np

from core.config.read_options import ReadOptions
from core.datasets.checks.dataset_check import Examination, Grade
from core.datasets.checks.facts import Fact
from core.datasets.checks.poses import Finding
from core.datasets.dataset import Dataset
from viewer.picture.dataset_drawing import draw_dataset
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import AT_ONCE

SLICE_SECONDS = 0.08
"""Pictures are looked at for so long at a time: a few steps see the end of a hundred of them."""


@dataclass(frozen=True, eq=False)
class DatasetCheck:
    """What is known of a dataset; see `core.datasets.checks.dataset_check.Report`.

    Attributes:
        path, reading: to open it again.
        downscale: the factor proposed to open it with.
        n_looked_at, n_pictures: how far the look at its pictures is; they are judged at its end.
        drawing: (height, width, 4) uint8, see `viewer.picture.dataset_drawing`.
    """

    name: str
    path: str
    reading: ReadOptions
    grade: Grade
    verdict: str
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    ranking: tuple[tuple[int, float], ...]
    downscale: int
    n_looked_at: int
    n_pictures: int
    drawing: np.ndarray

    @property
    def finished(self) -> bool:
        return self.n_looked_at == self.n_pictures


class CheckTool:
    """A tool, see `viewer.tools.base.Tool`. Nobody needs to ask: each dataset is looked over once, from the moment it
    is open, and again without its pictures when it is moved or turned."""

    share = AT_ONCE

    def __init__(self) -> None:
        self.result: DatasetCheck | None = None
        self._dataset: Dataset | None = None
        self._examination: Examination | None = None

    def ask(self, question: None, scene: OpenScene) -> None:
        """There is nothing to ask; after a failure the dataset is given up until it is moved or turned."""
        self.result = self._examination = None
        self._dataset = scene.trainer.dataset

    def new_scene(self, scene: OpenScene) -> None:
        """The same dataset with other weights stays as good as it is."""
        if scene.trainer.dataset is not self._dataset:
            self.result = None

    def slice(self, scene: OpenScene) -> bool:
        """See `Tool.slice`."""
        dataset = scene.trainer.dataset
        if dataset is not self._dataset:
            same_views = self._dataset is not None and self._dataset.train is dataset.train
            self._examination = Examination(dataset, self._examination if same_views else None)
            self._dataset = dataset
            self._judge(scene)
            return True
        if self.result is None or self.result.finished:
            return False
        began = time.perf_counter()
        while self._examination.advance() and time.perf_counter() - began < SLICE_SECONDS:
            pass
        self.result = replace(self.result, n_looked_at=self._examination.n_looked_at)
        if self.result.finished:
            self._judge(scene)
        return True

    def _judge(self, scene: OpenScene) -> None:
        report, dataset = self._examination.report(), self._dataset
        self.result = DatasetCheck(
            name=dataset.name,
            path=str(dataset.path),
            reading=dataset.reading,
            grade=report.grade,
            verdict=report.verdict,
            facts=tuple(report.facts()),
            notes=dataset.notes,
            findings=report.findings,
            ranking=report.ranking,
            downscale=report.downscale,
            n_looked_at=self._examination.n_looked_at,
            n_pictures=self._examination.n_pictures,
            drawing=draw_dataset(scene.info),
        )
