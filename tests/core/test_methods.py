from dataclasses import asdict, is_dataclass

import pytest

from core.datasets import open_dataset
from core.fields import make_field
from core.kernels.hash_grid import Space
from core.methods import (
    DEFAULT_FIELD,
    DEFAULT_SAMPLER,
    FIELDS,
    SAMPLERS,
    StratifiedSettings,
    method_settings,
    name_of,
    settings_named,
    with_overrides,
)
from core.opening import Overrides, new_trainer
from core.reading import Reading
from core.settings import FieldSettings, TrainSettings
from core.snapshot import load_snapshot, save_snapshot
from tests.scenes import BOX, SMALL_FIELD, SMALL_TRAINING

SMALL = {"depth": 2, "width": 16, "skip": 0}


def test_every_kind_can_be_made_and_is_found_again_by_its_settings():
    for kinds in (FIELDS, SAMPLERS):
        for name, kind in kinds.items():
            assert is_dataclass(kind.settings) and kind.sentence.endswith(".") and kind.cost.endswith(".")
            assert name_of(kinds, settings_named(kinds, name, asdict(kind.settings()))) == name
    for kind in FIELDS.values():
        assert hasattr(make_field(kind.settings(), Space(BOX)), "density")


def test_the_default_method_keeps_the_settings_of_the_device():
    chosen = method_settings(DEFAULT_FIELD, DEFAULT_SAMPLER, SMALL_FIELD, SMALL_TRAINING)
    assert chosen.field is SMALL_FIELD and chosen.train is SMALL_TRAINING


def test_what_does_not_exist_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'cubes'.*ngp, mlp"):
        method_settings("cubes", DEFAULT_SAMPLER, FieldSettings(), TrainSettings())
    with pytest.raises(ValueError, match="n_levels is no setting of stratified"):
        with_overrides(SAMPLERS, StratifiedSettings(), {"n_levels": 3})
    with pytest.raises(ValueError, match="n_bins"):
        with_overrides(SAMPLERS, StratifiedSettings(), {"n_bins": 0})


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("field", FIELDS)
def test_every_combination_trains_renders_and_goes_on_from_a_snapshot(field, sampler, tmp_path):
    dataset = open_dataset("demo", Reading(8))
    hashed = {"n_levels": 2, "log2_hashmap_size": 10}
    network = {"mlp": SMALL, "tnerf": SMALL, "ngp": hashed, "ngp-t": hashed}.get(field, {})
    training = {"target_samples": 512, "grid_resolution": 16, "grid_update_every": 2}
    method = {"field": field, "sampler": sampler}
    trainer = new_trainer(dataset, "cpu", 0, Overrides({}, training, network, {}, method))
    for _ in range(3):
        stats = trainer.step()
    assert stats.n_samples > 0
    path = tmp_path / "snapshot.safetensors"
    save_snapshot(path, trainer)
    again = load_snapshot(path)
    assert (again.field_settings, again.sampler_settings) == (trainer.field_settings, trainer.sampler_settings)
    assert again.step().loss == trainer.step().loss
