import torch

from core.rendering.render import render_image
from core.training.still import still_of
from tests.scenes import ball_dataset
from tests.viewer.live import tiny_trainer


def test_a_still_shows_what_was_learnt_then_and_training_is_not_disturbed():
    trainer, twin = tiny_trainer(ball_dataset()), tiny_trainer(ball_dataset())
    for _ in range(5):
        trainer.step(), twin.step()
    camera = trainer.dataset.test.cameras[0]

    def picture(of):
        return render_image(of.field, of.sampler, camera, of.settings.march, torch.ones(3)).colors

    before = picture(trainer)
    still = still_of(trainer)
    for _ in range(20):
        trainer.step(), twin.step()
    torch.testing.assert_close(picture(still), before, rtol=0.0, atol=0.0)
    assert not torch.allclose(picture(trainer), before, atol=1e-3)
    torch.testing.assert_close(picture(trainer), picture(twin), rtol=0.0, atol=0.0)
