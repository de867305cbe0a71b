from itertools import pairwise

import pytest
import torch

from core.rendering.metrics import evaluate
from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset
from viewer.scene.held_out import HeldOutCurve, next_time


@pytest.fixture(scope="module")
def trainer():
    trainer = Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING)
    for _ in range(20):
        trainer.step()
    return trainer


def measure(held_out, trainer):
    slices = [held_out.slice(trainer)]
    while slices[-1] is None:
        slices.append(held_out.slice(trainer))
    return slices


def test_measured_on_every_pixel_it_equals_the_evaluations_psnr(trainer):
    test = trainer.dataset.test
    expected = evaluate(trainer.field, trainer.sampler, test, trainer.settings.march, torch.ones(3)).psnr
    slices = measure(HeldOutCurve(test, "cpu"), trainer)
    assert len(slices) == len(test) == 3
    assert slices[-1] == pytest.approx(expected, abs=1e-3)


def test_it_is_due_at_growing_intervals(trainer):
    held_out = HeldOutCurve(trainer.dataset.test, "cpu")
    assert not held_out.due(0.9)
    assert held_out.due(1.0)
    held_out.slice(trainer)
    assert held_out.due(0.0), "a measurement that has begun is finished"
    times, seconds = [], 0.0
    while seconds < 200.0:
        seconds = next_time(seconds)
        times.append(seconds)
    assert times[:6] == [1.0, 2.0, 3.0, 5.0, 10.0, 15.0]
    gaps = [b - a for a, b in pairwise(times[3:])]
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(0.1 * times[-2])
