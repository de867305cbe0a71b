"""Checks a dataset before training: what it is, what it needs, and what seems wrong with it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.config.read_options import AS_STORED, ReadOptions
from core.datasets import open_dataset
from core.datasets.bounds.scene_bounds import apply_place_overrides
from core.datasets.checks.facts import Fact, dataset_facts, memory_facts, sharpness_facts
from core.datasets.checks.image_quality import ImageQuality, find_image_problems, measure_image, rank_by_sharpness
from core.datasets.checks.poses import Finding, Remedy, find_pose_problems
from core.datasets.dataset import Dataset, Progress
from core.datasets.loading.memory import free_memory

_ROOM = 0.5
"""The largest share of free memory that the images should take: training needs some too."""


class Grade(StrEnum):
    """How fit a dataset is for training."""

    SOUND = "sound"
    DOUBTFUL = "doubtful"
    UNFIT = "unfit"


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        dataset: the one that was checked.
        findings: what seems wrong with it.
        ranking: training pictures with their sharpness relative to the median, see
            `core.datasets.checks.image_quality.rank_by_sharpness`.
        image_bytes: memory that images and masks take.
        free_bytes: memory that is free beside them; None if unknown.
        downscale: the proposed factor, at least the one they were opened with.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]
    ranking: tuple[tuple[int, float], ...]
    image_bytes: int
    free_bytes: int | None
    downscale: int

    def lines(self) -> list[str]:
        """The report as text, one line per item."""
        return [
            *(f"{caption:<10} {text}" for caption, text in self.facts()),
            *(f"note       {note}" for note in self.dataset.notes),
            *(f"warning    {finding.text}" for finding in self.findings),
            f"verdict    {self.verdict}",
        ]

    def facts(self) -> list[Fact]:
        """What the dataset is and needs."""
        dataset = self.dataset
        return [
            *dataset_facts(dataset),
            *memory_facts(self.image_bytes, self.free_bytes, dataset.reading.downscale, self.downscale),
            *sharpness_facts(dataset.train.names, self.ranking),
        ]

    @property
    def grade(self) -> Grade:
        if any(finding.grave for finding in self.findings):
            return Grade.UNFIT
        return Grade.DOUBTFUL if self.findings else Grade.SOUND

    @property
    def verdict(self) -> str:
        """One sentence: whether to train on it."""
        n = len(self.findings)
        things = f"{n} thing{'s' if n > 1 else ''}"
        return {
            Grade.SOUND: "sound: nothing argues against training on it",
            Grade.DOUBTFUL: f"can be trained on, but {things} may spoil the result",
            Grade.UNFIT: f"not fit to be trained on: {things} should be fixed first",
        }[self.grade]


class Examination:
    """Checks a dataset bit by bit: its poses at once, its pictures one after the other.

    Args:
        before: an earlier examination of the same views, whose measurements of pictures are reused.
    """

    def __init__(self, dataset: Dataset, before: "Examination | None" = None):
        self._dataset = dataset
        self._pictures = [(views, index) for views in (dataset.train, dataset.test) for index in range(len(views))]
        self._looks: list[ImageQuality] = [] if before is None else before._looks

    @property
    def n_pictures(self) -> int:
        return len(self._pictures)

    @property
    def n_looked_at(self) -> int:
        return len(self._looks)

    def advance(self) -> bool:
        """Measure the next picture; returns whether there was one."""
        if self.n_looked_at == self.n_pictures:
            return False
        views, index = self._pictures[self.n_looked_at]
        self._looks.append(measure_image(views.image(index), views.mask(index)))
        return True

    def report(self) -> Report:
        """What is known so far; pictures are judged once all of them are measured."""
        dataset, findings, ranking = self._dataset, list(find_pose_problems(self._dataset)), []
        if self.n_looked_at == self.n_pictures:
            n_train = len(dataset.train)
            looks, test_looks = self._looks[:n_train], self._looks[n_train:]
            findings += find_image_problems(dataset.train, looks, test_looks)
            ranking = rank_by_sharpness(looks)
        needed, free = dataset.train.nbytes + dataset.test.nbytes, free_memory()
        asked = dataset.reading.downscale
        proposed = asked if free is None else propose_downscale(needed, free, asked)
        if proposed > asked:
            text = f"the images take more than half of the free memory: open them with --downscale {proposed}"
            findings.append(Finding(text, remedy=Remedy.REDUCE))
        return Report(dataset, tuple(findings), tuple(ranking), needed, free, proposed)


def propose_downscale(image_bytes: int, free_bytes: int, asked: int) -> int:
    """The smallest factor, at least `asked`, with which images leave room for training.

    Args:
        image_bytes: memory that they take, reduced by `asked`; at least 1.
        free_bytes: memory that is free beside them.
    """
    room = _ROOM * (free_bytes + image_bytes)
    return max(asked, math.ceil(asked * math.sqrt(image_bytes / room)))


def check_dataset(
    path: str | Path,
    reading: ReadOptions = AS_STORED,
    progress: Progress | None = None,
    place: Mapping[str, Any] | None = None,
) -> Report:
    """Open a dataset with every image, and report on it.

    Args:
        path, reading, progress: as for `core.datasets.open_dataset`.
        place: as for `core.datasets.bounds.scene_bounds.apply_place_overrides`.

    Raises:
        DatasetError: it can't be opened; the message says what is wrong.
        ValueError: nothing could be learnt in that place.
    """
    progress = progress or (lambda share, text: None)
    examination = Examination(apply_place_overrides(open_dataset(path, reading, progress), place or {}))
    while examination.advance():
        progress(1.0, f"looking at image {examination.n_looked_at} of {examination.n_pictures}")
    return examination.report()
