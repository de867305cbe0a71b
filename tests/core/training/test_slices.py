"""Batches that are learnt in slices, while a moving camera gets its views in between: no pattern of slices harms."""

import random
from itertools import cycle, pairwise

import pytest
import torch

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.geometry.rays import Rays
from core.rendering.metrics import evaluate
from core.samplers.occupancy import OccupancySettings
from core.samplers.proposal import ProposalSettings
from core.training.batches import Batch
from core.training.build import Overrides, new_trainer
from core.training.gradients import add_gradients
from core.training.slices import SlicedBatch
from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset

N_STEPS, N_BATCHES = 260, 8

PATTERNS = {
    "a long move, a short rest": [1 / 64] * 12 + [1.0] * 3,
    "moves and rests in turn": [1 / 64] * 4 + [1.0],
    "random": random.Random(1).choices([1 / 64, 1 / 20, 1 / 7, 1 / 3, 1.0], k=97),
}


@pytest.fixture(scope="module")
def grown():
    """A trainer after some steps on whole batches, and its state."""
    dataset = open_dataset("demo", ReadOptions(downscale=4))
    trainer = new_trainer(dataset, "cpu", 0, Overrides(training={"target_samples": 2048}))
    for _ in range(N_STEPS):
        trainer.step()
    return trainer, {name: value.clone() for name, value in trainer.state_tensors().items()}, trainer.counters()


def psnr_after(grown, fractions):
    """Test PSNR in dB after slices of these fractions, over and over."""
    trainer, tensors, counters = grown
    trainer.load_state({name: value.clone() for name, value in tensors.items()}, counters)
    n_samples = 0
    for fraction in cycle(fractions):
        n_samples += trainer.step(fraction).n_samples
        if n_samples >= N_BATCHES * trainer.settings.target_samples:
            break
    views = trainer.dataset.test.take(torch.arange(0, len(trainer.dataset.test), 4))
    return evaluate(trainer.field, trainer.sampler, views, trainer.settings.march, torch.ones(3)).psnr


def test_any_pattern_of_slices_learns_as_much_as_whole_batches(grown):
    whole = psnr_after(grown, [1.0])
    found = {name: psnr_after(grown, fractions) for name, fractions in PATTERNS.items()}
    assert {name: psnr for name, psnr in found.items() if psnr < whole - 0.3} == {}


@pytest.mark.parametrize("sampler", [OccupancySettings(), ProposalSettings()])
def test_gradients_of_slices_add_up_to_those_of_the_batch(sampler):
    trainer = Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING, sampler_settings=sampler)
    generator, march = torch.Generator().manual_seed(0), trainer.settings.march
    batch = trainer._batches.draw(96, generator)
    gradients = []
    for ends in ((0, 96), (0, 10, 60, 96)):
        for i, j in pairwise(ends):
            part = Batch(Rays(*(x[i:j] for x in batch.rays[:2])), batch.targets[i:j], batch.backgrounds[i:j])
            add_gradients(part, trainer._model, march, 0.01, 0, (j - i) / 96, None)
        parameters = trainer._model.parameters()
        gradients.append({name: x.grad for name, x in parameters.items()})
        trainer._forget_batch()
    for name, whole in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], whole, rtol=1e-3, atol=1e-3 * float(whole.abs().max()))


def test_a_batch_is_divided_into_slices_of_which_none_is_tiny():
    batch = SlicedBatch(share=0.5, n_rays=1000)
    taken = []
    while batch.n_left:
        taken.append(batch.next_slice(0.06))
        batch.add(taken[-1], float(len(taken)), 2 * taken[-1], 3 * taken[-1])
    assert sum(taken) == 1000 and min(taken[:-1]) == 120 <= max(taken) < 180
    assert (batch.n_samples, batch.n_learnt) == (2000, 3000)
    assert batch.error == pytest.approx(sum(i * n for i, n in enumerate(taken, 1)) / 1000)
    assert SlicedBatch.restored(batch.counters()) == batch
