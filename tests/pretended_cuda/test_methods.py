"""Every method trains, updates its grid, is averaged, renders and is measured on the pretended GPU."""

import os

import pytest
import torch

from core.commands.timed_run import evaluate_views
from core.rendering.render import render_image
from core.samplers.occupancy import OccupancySampler
from core.training.build import new_trainer
from tests.pretended_cuda.scenes import METHODS, PAIRS, dataset_for, small_method

ALL = os.environ.get("FIRSTLIGHT_ALL_METHODS") == "1"
"""Whether to try every combination, in place of one for each pair of a field and a sampler."""

MORE = [
    ("mlp", "rvs", {"use": "hierarchical"}),
    ("mlp", "rvs", {"use": "hierarchical", "spline": "constant"}),
    ("ngp", "rvs", {"spline": "constant"}),
    ("ngp", "proposal", {"n_proposals": 2, "n_second": 8}),
]


def train_and_look(trainer, steps=10):
    for _ in range(steps):
        stats = trainer.step()
    assert stats.n_samples > 0 and stats.step == steps
    views = trainer.dataset.test
    camera = views.cameras[0].resized(16, 16).to("cuda")
    march, white = trainer.settings.march, torch.ones(3, device="cuda")
    picture = render_image(trainer.field, trainer.sampler, camera, march, white, chunk=200)
    assert picture.colors.is_cuda and bool(picture.colors.isfinite().all())
    if isinstance(trainer.sampler, OccupancySampler):
        assert evaluate_views(trainer, views.spread(1)).psnr > 0.0


@pytest.mark.parametrize(("field", "sampler", "contraction"), METHODS if ALL else PAIRS)
def test_a_method_trains_and_renders(field, sampler, contraction, gpu):
    method = small_method(field, sampler, contraction)
    train_and_look(new_trainer(dataset_for(field, contraction), "cuda", 0, method))


@pytest.mark.parametrize(("field", "sampler", "more"), MORE)
def test_a_samplers_other_ways_train_and_render(field, sampler, more, gpu):
    train_and_look(new_trainer(dataset_for(field), "cuda", 0, small_method(field, sampler, **more)), 4)
