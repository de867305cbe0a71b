import pytest
import torch

from core.rendering.metrics import evaluate
from core.training.held_out import HeldOut
from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset


@pytest.fixture(scope="module")
def trainer():
    trainer = Trainer(ball_dataset(64), SMALL_FIELD, SMALL_TRAINING)
    for _ in range(20):
        trainer.step()
    return trainer


def whole_psnr(trainer):
    test = trainer.dataset.test
    return evaluate(trainer.field, trainer.sampler, test, trainer.settings.march, torch.ones(3)).psnr


def test_measured_on_every_pixel_it_is_the_evaluations_psnr(trainer):
    assert HeldOut(trainer.dataset.test, "cpu").psnr(trainer) == pytest.approx(whole_psnr(trainer), abs=1e-3)


def test_a_sample_is_within_a_tenth_of_a_decibel_of_the_evaluation(trainer):
    whole = whole_psnr(trainer)
    for seed in range(3):
        assert HeldOut(trainer.dataset.test, "cpu", 1024, seed).psnr(trainer) == pytest.approx(whole, abs=0.1)


def test_measuring_again_gives_the_same(trainer):
    held_out = HeldOut(trainer.dataset.test, "cpu", 256)
    assert held_out.psnr(trainer) == held_out.psnr(trainer)


def test_pixels_are_chosen_without_the_shared_generator(trainer):
    before = torch.get_rng_state()
    HeldOut(trainer.dataset.test, "cpu", 256)
    torch.testing.assert_close(torch.get_rng_state(), before)
