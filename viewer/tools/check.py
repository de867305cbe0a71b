"""What the check says of the open dataset: of its poses at once, of its pictures after a short while."""

import time
from dataclasses import dataclass, replace

import numpy as np

from core.config.read_options import ReadOptions
from core.datasets.checks.dataset_check import Examination, Grade
from core.datasets.checks.drawing import draw_dataset
from core.datasets.checks.facts import Fact
from core.datasets.checks.poses import Finding
from core.datasets.dataset import Dataset
from viewer.protocol.session import ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import AT_ONCE, ToolKind

SLICE_SECONDS = 0.08
"""Seconds of looking at pictures per slice: a hundred of them are done within a few training steps."""


@dataclass(frozen=True, eq=False)
class DatasetCheck:
    """What is known of a dataset; see `core.datasets.checks.dataset_check.Report`.

    Attributes:
        path, reading: to open it again.
        downscale: the proposed factor to open it with.
        n_looked_at, n_pictures: how far the look at its pictures is; they are judged at its end.
        drawing: (height, width, 4) uint8, see `core.datasets.checks.drawing`.
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
    """A tool, see `viewer.tools.base.Tool`. Nobody needs to ask: each dataset is checked once from the moment it is
    open, and again without its pictures when it is moved or turned."""

    share = AT_ONCE

    def __init__(self) -> None:
        self.result: DatasetCheck | None = None
        self._dataset: Dataset | None = None
        self._examination: Examination | None = None

    def ask(self, question: None, scene: OpenScene) -> None:
        """There is nothing to ask. After a failure the dataset is skipped until it is moved or turned."""
        self.result = self._examination = None
        self._dataset = scene.trainer.dataset

    def new_scene(self, scene: OpenScene) -> None:
        """Other weights don't change the verdict on the same dataset."""
        if scene.trainer.dataset is not self._dataset:
            self.result = None

    def slice(self, scene: OpenScene) -> bool:
        """See `Tool.slice`."""
        dataset = scene.trainer.dataset
        if dataset is not self._dataset:
            same_views = self._dataset is not None and self._dataset.train is dataset.train
            self._examination = Examination(dataset, self._examination if same_views else None)
            self._dataset = dataset
            self.result = _judged(self._examination, dataset)
            return True
        result, examination = self.result, self._examination
        if result is None or examination is None or result.finished:
            return False
        began = time.perf_counter()
        while examination.advance() and time.perf_counter() - began < SLICE_SECONDS:
            pass
        self.result = result = replace(result, n_looked_at=examination.n_looked_at)
        if result.finished:
            self.result = _judged(examination, dataset)
        return True


def _judged(examination: Examination, dataset: Dataset) -> DatasetCheck:
    """The examination's report as far as it has come."""
    report = examination.report()
    return DatasetCheck(
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
        n_looked_at=examination.n_looked_at,
        n_pictures=examination.n_pictures,
        drawing=draw_dataset(dataset),
    )


CHECK: ToolKey[None, DatasetCheck] = ToolKey("check")
TOOL = ToolKind(CHECK, CheckTool)
