"""The law of waiting: the host stops for the GPU at most three times in a training step, and twice in a chunk of a
picture. A march in rounds, by fields that march no other way or of few rays, stops twice more for each further round,
and once more in a step that updates the grid. So does a grid's first update after it was started or loaded; the rule
`at-most-the-mean` isn't held to this.

What a test prints, or names when it fails, are the lines that wait.
"""

from dataclasses import replace

import pytest
import torch

from core.kernels import fused_march
from core.kernels.camera_rays import generate_rays
from core.rendering.render import render_rays
from core.samplers.occupancy import OccupancySampler
from core.training.build import new_trainer, rehearse
from tests.pretended_cuda.scenes import TRAINING, dataset_for, small_method

STEP, CHUNK = 3, 2
METHODS = [
    ("ngp", "occupancy"), ("ngp-t", "occupancy"), ("mlp", "occupancy"), ("tnerf", "stratified"),
    ("ngp", "hierarchical"), ("dense", "proposal"), ("ngp-t", "rvs"),
]  # fmt: skip


def told(waits) -> str:
    return ", ".join(f"{n} x {place}" for place, n in waits.most_common())


@pytest.fixture
def rounds(monkeypatch):
    """Counts the rounds of marches: a list with an item for each."""
    done, round_of = [], fused_march.March.round

    def counted(*args):
        done.append(1)
        return round_of(*args)

    monkeypatch.setattr(fused_march.March, "round", counted)
    return done


@pytest.mark.parametrize(("field", "sampler"), METHODS)
def test_steps_and_chunks_wait_seldom(field, sampler, gpu, rounds, monkeypatch):
    monkeypatch.setitem(fused_march._FEWEST_RAYS, "cuda", 0)
    trainer = new_trainer(dataset_for(field), "cuda", 0, small_method(field, sampler))
    rehearse(trainer)
    trainer.settings = replace(trainer.settings, grid_warmup_steps=2 * TRAINING["grid_update_every"])
    camera, white = trainer.dataset.test.cameras[0].to("cuda"), torch.ones(3, device="cuda")
    every = TRAINING["grid_update_every"]
    for step in range(1, 3 * every + 2):  # the grid is updated thrice, twice while it is young
        rounds.clear()
        with gpu.counted_waits() as waits:
            trainer.step()
        if step > every:
            print(f"{field}+{sampler}: step {step} waits at {told(waits)}")
            in_rounds = 2 * (len(rounds) - 1) + (step % every == 0) if rounds else 0
            assert waits.total() <= STEP + in_rounds, told(waits)
    rounds.clear()
    with gpu.counted_waits() as waits, torch.no_grad():
        render_rays(trainer.field, trainer.sampler, generate_rays(camera), trainer.settings.march, white)
    print(f"{field}+{sampler}: a chunk waits at {told(waits)}")
    assert waits.total() <= CHUNK + 2 * max(0, len(rounds) - 1), told(waits)
    assert bool(rounds) == (isinstance(trainer.sampler, OccupancySampler) and field != "ngp")


def test_the_copy_of_the_last_good_state_waits_for_nothing(gpu):
    trainer = new_trainer(dataset_for(), "cuda", 0, small_method("ngp"))
    trainer.step()
    tensors, counters = trainer.state_tensors(), trainer.counters()
    with gpu.counted_waits() as waits:
        trainer._last_good.keep(tensors, counters, trainer.settings.march)
    assert not waits, told(waits)
