"""A rehearsal compiles the kernels that a scene needs: all of them, and no others."""

import torch

from core.kernels.runtime import launch as launching
from core.kernels.runtime import loading
from core.rendering.render import render_image
from core.training.build import rehearse
from core.training.trainer import Trainer
from tests.scenes import SMALL_FIELD, SMALL_TRAINING, ball_dataset


def test_the_kernels_of_a_rehearsal_are_those_of_steps_and_views(monkeypatch):
    loaded = set()

    def load(kernel, alias, block):
        loaded.add(kernel.module.name)
        loading.load_kernel(kernel, alias, block)

    def loaded_by(work):
        loaded.clear()
        monkeypatch.setattr(launching, "_here", launching._Here())  # no launch is recorded yet
        work()
        return set(loaded)

    def train_and_view():
        for _ in range(SMALL_TRAINING.grid_update_every):
            trainer.step()
        camera = trainer.dataset.test.cameras[0]
        render_image(trainer.field, trainer.sampler, camera, trainer.settings.march, torch.ones(3))

    monkeypatch.setattr(launching, "load_kernel", load)
    trainer = Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING)
    rehearsed = loaded_by(lambda: rehearse(trainer))
    assert len(rehearsed) > 5
    assert rehearsed == loaded_by(train_and_view)


def test_threads_share_one_precompiled_header():
    rehearse(Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING))
    folders = loading.wp._src.context.runtime._pch_dirs
    assert folders, "Warp keeps the folders elsewhere: every thread would precompile its headers"
    assert all(folder is loading._header_folder() for folder in folders.values())
