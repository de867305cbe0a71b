"""The model: its parts, its learnt parameters, and saving and loading it."""

import pytest
import torch

from core.config.training import TrainSettings
from core.datasets import open_dataset
from core.samplers.occupancy import OccupancySettings
from core.samplers.proposal import ProposalSettings
from core.training.model import Model
from tests.scenes import SMALL_FIELD


@pytest.fixture
def make(ball_scene):
    dataset = open_dataset(ball_scene)

    def make_model(sampler, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return Model(dataset, SMALL_FIELD, sampler, TrainSettings(grid_resolution=16), "cpu", generator)

    return make_model


def test_a_sampler_that_marches_the_grid_adds_no_part(make):
    model = make(OccupancySettings())
    assert model.sampler.grid is model.grid and model.learning_sampler is None
    assert set(model.parts) == {"field", "shown", "grid"} and len(model.groups()) == 1
    assert set(model.parameters()) == {name for name, _ in model.field.named_parameters()}


def test_a_learning_sampler_has_its_own_group_and_names(make):
    model = make(ProposalSettings())
    assert model.learning_sampler is model.sampler and set(model.parts) == {"field", "shown", "grid", "sampler"}
    learnt = model.parameters()
    assert any(name.startswith("sampler.") for name in learnt)
    grouped = [id(parameter) for group in model.groups() for parameter in group["params"]]
    assert sorted(grouped) == sorted(map(id, learnt.values()))
    assert model.groups()[1]["factor"] == model.sampler.rate_factor


@pytest.mark.parametrize("sampler", [OccupancySettings(), ProposalSettings()])
def test_loading_restores_all_tensors(make, sampler):
    model, other = make(sampler), make(sampler, seed=1)
    model.grid.seen.fill_(0.5)
    kept = {name: tensor.clone() for name, tensor in model.tensors().items()}
    assert any(not torch.equal(kept[name], tensor) for name, tensor in other.tensors().items())
    other.load(kept)
    assert all(torch.equal(kept[name], tensor) for name, tensor in other.tensors().items())
