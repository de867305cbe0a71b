"""The stopwatch while several threads render at once."""

import threading

import pytest
import torch

from core.fields.base import Field
from core.kernels.fused_march import EncodedDensity
from core.kernels.runtime.launch import run_together, using_threads
from core.rendering.timing import Stopwatch
from core.samplers.base import Sampler


class Clock(threading.local):
    """A clock per thread, which advances only on request."""

    now = 0.0


CLOCK = Clock()


class Slow(Field, Sampler):
    """A field and a sampler whose calls take known times."""

    def density(self, positions):
        CLOCK.now += 2.0
        return positions[:, 0], positions

    def color(self, features, directions):
        CLOCK.now += 1.0
        return features

    def sample(self, field, rays, march, generator, round_size):
        CLOCK.now += 4.0
        field.density(rays)


class Marching(Slow):
    """A field whose densities the march evaluates itself, which takes a quarter of its first launch's time and half
    of its second's."""

    def march_density(self, keeps_features):
        return EncodedDensity(*[None] * 7)

    def sample(self, field, rays, march, generator, round_size):
        CLOCK.now += 3.0
        for seconds, n, share in ((8.0, 10, 0.25), (2.0, 100, 0.5)):
            ended = field.march_density(True).on_launch()
            CLOCK.now += seconds
            ended(n, share)


@pytest.fixture
def two_threads():
    with using_threads(2):
        yield


@pytest.mark.parametrize("n_tasks", [1, 2])
@pytest.mark.parametrize(
    ("timed", "n_density", "march", "field"), [(Slow(), 5, 4.0, 3.0), (Marching(), 110, 10.0, 1.0 + 3.0)]
)
def test_a_stages_time_is_averaged_over_all_threads(timed, n_density, march, field, n_tasks, monkeypatch, two_threads):
    monkeypatch.setattr(Stopwatch, "_now", lambda self: CLOCK.now)
    watch, rows, together = Stopwatch(timed, timed, "cpu"), torch.zeros(5, 3), threading.Barrier(n_tasks)

    def render():
        together.wait(timeout=60.0)  # no thread takes both tasks
        watch.sampler.sample(watch.field, rays=rows, march=None, generator=None, round_size=8)
        watch.field.color(rows, rows)
        CLOCK.now += 0.5

    run_together([render] * n_tasks)
    stages = watch.stages()
    assert (stages.n_density, stages.n_color) == (n_density * n_tasks, 5 * n_tasks)
    assert (stages.march, stages.field, stages.composite) == (march, field, 0.5)
