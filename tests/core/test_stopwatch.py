"""The stopwatch where several threads render at once."""

import time

import pytest
import torch

from core.kernels.launch import run_together
from core.stopwatch import Stopwatch


class Slow:
    """A field and a sampler whose every call takes a while."""

    def density(self, positions):
        time.sleep(0.02)
        return positions[:, 0], positions

    def color(self, features, directions):
        time.sleep(0.01)
        return features

    def sample(self, field, rays, march, generator, round_size):
        time.sleep(0.03)
        field.density(rays)


@pytest.mark.parametrize("n_tasks", [1, 2])
def test_a_stage_is_its_share_of_all_threads_time(n_tasks):
    watch = Stopwatch(Slow(), Slow(), "cpu")
    rows = torch.zeros(5, 3)

    def render():
        watch.sampler.sample(watch.field, rays=rows, march=None, generator=None, round_size=8)
        watch.field.color(rows, rows)

    run_together([render] * n_tasks)
    stages = watch.stages()
    assert (stages.n_density, stages.n_color) == (5 * n_tasks, 5 * n_tasks)
    assert stages.march == pytest.approx(0.03, abs=0.012)
    assert stages.field == pytest.approx(0.03, abs=0.012)
