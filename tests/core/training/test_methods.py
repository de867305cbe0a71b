import statistics
from dataclasses import asdict, is_dataclass, replace
from functools import cache
from typing import get_args

import pytest
import torch

from core.config.contractions import CONTRACTIONS, ENDLESS, Contraction
from core.config.march import THRESHOLDS_OFF, MarchSettings
from core.config.presets import endless
from core.config.read_options import ReadOptions
from core.config.setting import from_json, settings_of
from core.config.training import TrainSettings
from core.datasets import open_dataset
from core.datasets.bounds.scene_bounds import place_of
from core.datasets.dataset import Dataset, Views
from core.fields import FIELDS, make_field
from core.fields.base import Conditions
from core.fields.ngp import NGPSettings
from core.kernels.contraction import Space
from core.rendering.metrics import psnr
from core.rendering.render import render_image
from core.samplers import SAMPLERS, make_sampler
from core.samplers.base import SamplerInputs
from core.samplers.occupancy_grid import OccupancyGrid
from core.samplers.rvs import RVSSettings
from core.samplers.stratified import StratifiedSettings
from core.training.build import Overrides, moved_trainer, new_trainer, settings_for
from core.training.methods import DEFAULT_FIELD, DEFAULT_SAMPLER, method_settings, refuse
from core.training.snapshot import load_snapshot, save_snapshot
from tests.core.datasets.bounds.test_forward_facing import hand_held
from tests.photos import write_llff
from tests.scenes import BOX, SMALL_FIELD, SMALL_TRAINING, Fog, camera

SMALL = {"depth": 2, "width": 16, "skip": 0}
FEW = {
    "stratified": {"n_bins": 32},
    "hierarchical": {"n_coarse": 16, "n_fine": 16},
    "proposal": {"n_proposals": 2, "n_first": 16, "n_second": 16, "n_final": 16, "proposal_resolution": 32},
}


@cache
def small_demo() -> Dataset:
    """The demo at 32x32 pixels, which no test changes."""
    return open_dataset("demo", ReadOptions(8))


def few(field, sampler, **sampling):
    """A method with few parameters and samples, which is fast."""
    hashed = {"n_levels": 2, "log2_hashmap_size": 10}
    network = {"mlp": SMALL, "tnerf": SMALL, "ngp": hashed, "ngp-t": hashed, "dense": {"resolution": 8}}.get(field, {})
    training = {"target_samples": 512, "grid_resolution": 16, "grid_update_every": 2}
    method = {"field": field, "sampler": sampler}
    return Overrides({}, training, network, {**FEW.get(sampler, {}), **sampling}, method)


def test_every_kind_can_be_made_and_is_identified_by_its_settings():
    for kinds in (FIELDS, SAMPLERS):
        for name, kind in kinds.items():
            assert is_dataclass(kind.settings) and kind.sentence.endswith(".") and kind.cost.endswith(".")
            assert kinds.name_of(from_json(kind.settings, asdict(kind.settings()))) == name
    assert tuple(CONTRACTIONS) == get_args(Contraction)
    for kind in CONTRACTIONS.values():
        assert kind.settings is None and kind.sentence.endswith(".") and kind.cost.endswith(".")
    for kind in FIELDS.values():
        assert type(make_field(kind.settings(), Space(BOX))) is kind.field


def test_the_default_method_keeps_the_settings_of_the_device():
    for conditions in (Conditions("cpu", "float32", True, 300.0), Conditions("cuda", "bfloat16")):
        chosen = method_settings(DEFAULT_FIELD, DEFAULT_SAMPLER, conditions, SMALL_TRAINING)
        assert chosen.field == NGPSettings.usual(conditions) and chosen.train is SMALL_TRAINING


def test_a_network_is_small_on_a_cpu_and_its_learning_rate_follows_its_width():
    rates = []
    for device, changes in (("cuda", {}), ("cpu", {"width": 256}), ("cpu", {"width": 128}), ("cpu", {})):
        found = method_settings("mlp", DEFAULT_SAMPLER, Conditions(device), SMALL_TRAINING, changes)
        assert found.field.width == changes.get("width", 64 if device == "cpu" else 256)
        rates.append(found.train.learning_rate)
    assert rates[0] == rates[1] == 5e-4 and rates == sorted(rates) and rates[3] == pytest.approx(4e-3)


@pytest.mark.parametrize(("sampler", "per_sample"), [("stratified", 1), ("occupancy", None)])
def test_each_evaluation_is_counted_once(sampler, per_sample):
    trainer = new_trainer(small_demo(), "cpu", 0, few("ngp", sampler))
    stats = trainer.step()
    expected = stats.n_marched + stats.n_samples if per_sample is None else per_sample * stats.n_samples
    assert trainer.n_evaluations == expected > 0


def test_a_users_own_field_keeps_cells_that_are_occupied_at_any_time():
    still, moving = (open_dataset(name, ReadOptions(8)) for name in ("demo", "demo-dynamic"))
    decays = [
        settings_for(dataset, "cpu", Overrides(method={"field": field})).train.grid_decay
        for dataset, field in ((still, "my.py:Own"), (moving, "my.py:Own"), (moving, "ngp-t"))
    ]
    assert decays[0] < decays[1] == decays[2]


def test_only_marches_through_a_grid_thin_fog():
    train = TrainSettings(weight_entropy=1e-3)
    shares = [method_settings("ngp", x, Conditions("cpu"), train).train.weight_entropy for x in SAMPLERS]
    assert dict(zip(SAMPLERS, shares, strict=True)) == {name: 1e-3 * (name == "occupancy") for name in SAMPLERS}


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"'cubes'.*ngp, mlp, dense"):
        method_settings("cubes", DEFAULT_SAMPLER, Conditions("cpu"), TrainSettings())
    with pytest.raises(ValueError, match="n_levels is no setting of stratified"):
        SAMPLERS.with_overrides(StratifiedSettings(), {"n_levels": 3})
    with pytest.raises(ValueError, match="n_bins"):
        SAMPLERS.with_overrides(StratifiedSettings(), {"n_bins": 0})


def test_a_field_without_position_gradients_is_refused_where_training_needs_them():
    for field, kind in FIELDS.items():
        for sampler in SAMPLERS.values():
            refuse(kind.settings(), sampler.settings())
        if kind.smooth:
            refuse(kind.settings(), RVSSettings("hierarchical"))
        else:
            method = {"field": field, "sampler": "rvs"}
            with pytest.raises(ValueError, match=rf"{field} gives no gradients along positions: choose .*mlp.*color"):
                new_trainer(small_demo(), "cpu", 0, Overrides({}, {}, {}, {"use": "hierarchical"}, method))


CHANGED = {
    "alpha_thre": 0.2,
    "early_stop_eps": 0.5,
    "render_step_size": 0.11,
    "cone_angle": 0.05,
    "occ_thre": 0.5,
    "near_plane": 3.0,
    "far_plane": 3.2,
    "crop": (-0.5, -0.5, -0.5, 0.5, 0.5, 0.5),
}


@pytest.mark.parametrize(
    ("sampler", "more"), [*((sampler, {}) for sampler in SAMPLERS), ("rvs", {"use": "hierarchical"})]
)
def test_an_image_depends_on_exactly_the_thresholds_that_its_sampler_reads(sampler, more):
    generator, white = torch.Generator().manual_seed(0), torch.ones(3)
    grid = OccupancyGrid(BOX, 8)
    grid.occs.copy_(torch.rand(512, generator=generator))
    settings = SAMPLERS[sampler].settings(**{**FEW.get(sampler, {}), **more})
    sampler_object = make_sampler(settings, SamplerInputs(grid, BOX, Space(BOX), SMALL_FIELD, generator))
    march = MarchSettings(render_step_size=0.07, **THRESHOLDS_OFF)
    before = render_image(Fog(), sampler_object, camera(size=10), march, white)
    assert set(CHANGED) == set(settings_of(MarchSettings)) and before.n_kept.any()
    for name, value in CHANGED.items():
        after = render_image(Fog(), sampler_object, camera(size=10), replace(march, **{name: value}), white)
        same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert same != (name in settings.reads), name


@pytest.mark.parametrize(("name", "value"), [("use", "colour"), ("spline", "cubic"), ("n_samples", 0)])
def test_settings_of_rvs_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        RVSSettings(**{name: value})


@pytest.mark.parametrize(
    ("field", "sampler", "more"),
    [
        *((field, sampler, {}) for field in FIELDS for sampler in SAMPLERS),
        *((field, "rvs", {"use": "hierarchical"}) for field, kind in FIELDS.items() if kind.smooth),
    ],
)
def test_every_combination_trains_renders_and_resumes_from_a_snapshot(field, sampler, more, tmp_path):
    dataset = small_demo()
    trainer = new_trainer(dataset, "cpu", 0, few(field, sampler, **more))
    for _ in range(3):
        stats = trainer.step()
    assert stats.n_samples > 0
    path = tmp_path / "snapshot.safetensors"
    save_snapshot(path, trainer)
    again = load_snapshot(path)
    assert (again.field_settings, again.sampler_settings) == (trainer.field_settings, trainer.sampler_settings)
    assert again.step().loss == trainer.step().loss


@pytest.fixture(scope="module")
def forward_facing(tmp_path_factory):
    """Photos from cameras that face one way, in a place with several levels."""
    cameras = hand_held()
    images = torch.randint(
        256, (len(cameras), 16, 16, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    views = Views(cameras, images, tuple(map(str, range(len(cameras)))))
    return open_dataset(write_llff(tmp_path_factory.mktemp("llff") / "wall", views, 2.0, 40.0))


@pytest.mark.parametrize(
    ("field", "sampler", "contraction"),
    [
        *(("ngp", sampler, contraction) for sampler in SAMPLERS for contraction in CONTRACTIONS),
        *((field, "stratified", contraction) for field in FIELDS if field != "ngp" for contraction in ENDLESS),
    ],
)
def test_every_contraction_trains_renders_and_resumes_from_a_snapshot(
    field, sampler, contraction, forward_facing, tmp_path
):
    overrides = replace(few(field, sampler), method={"field": field, "sampler": sampler, "contraction": contraction})
    trainer = new_trainer(forward_facing, "cpu", 0, overrides)
    assert trainer.field.space.contraction == trainer.settings.contraction == contraction
    for _ in range(3):
        assert trainer.step().n_samples > 0
    camera, march = forward_facing.train.cameras[0], trainer.settings.march
    picture = render_image(trainer.field, trainer.sampler, camera, march, torch.ones(3))
    assert all(bool(x.isfinite().all()) for x in (picture.colors, picture.opacities))
    if contraction in ENDLESS and sampler != "occupancy":
        assert march.far_plane == endless(forward_facing.box)
        assert int(picture.n_dense.min()) > 0, "no ray misses unbounded space"
    save_snapshot(tmp_path / "snapshot.safetensors", trainer)
    again = load_snapshot(tmp_path / "snapshot.safetensors")
    assert again.field.space == trainer.field.space
    assert again.step().loss == trainer.step().loss


def test_a_contraction_follows_to_another_place_and_ignores_the_marchs_near_plane(forward_facing, tmp_path):
    overrides = replace(few("ngp", "stratified"), method={"sampler": "stratified", "contraction": "ndc"})
    trainer = new_trainer(forward_facing, "cpu", 0, overrides)
    place = place_of(forward_facing)._replace(near_plane=1.0, n_levels=1)
    moved = moved_trainer(trainer, trainer.settings, place, 0)
    assert moved.settings.contraction == "ndc" and moved.field.space.frame != trainer.field.space.frame
    trainer.set_march(replace(trainer.settings.march, near_plane=0.1))
    save_snapshot(tmp_path / "snapshot.safetensors", trainer)
    assert load_snapshot(tmp_path / "snapshot.safetensors").field.space == trainer.field.space


@pytest.mark.parametrize("contraction", ["max", "sphere"])
def test_an_object_without_surroundings_is_also_learnt_with_a_contraction(contraction):
    trainer = new_trainer(small_demo(), "cpu", 0, Overrides(method={"contraction": contraction}))
    assert trainer.step().n_samples > 1000


def test_ndc_is_refused_if_cameras_surround_the_scene():
    with pytest.raises(ValueError, match=r"ndc needs cameras that face one way: .*; choose sphere"):
        new_trainer(small_demo(), "cpu", 0, Overrides(method={"contraction": "ndc"}))
    with pytest.raises(ValueError, match=r"'cube': choose one of none, max, sphere, ndc"):
        new_trainer(small_demo(), "cpu", 0, Overrides(method={"contraction": "cube"}))


HASHED = {"log2_hashmap_size": 13}
NETWORK = {"depth": 2, "width": 64, "skip": 0, "color_width": 32, "position_frequencies": 6, "precision": "float32"}
SLOWER = {"learning_rate": 4e-3, "target_samples": 2048, "grid_resolution": 32}
SEEN, UNSEEN = {"grid_resolution": 32}, {"grid_update_every": 64}  # whether the sampler uses the grid
LEARNT = [
    ("ngp+occupancy", HASHED, {}, SEEN, 19.0),
    ("dense+occupancy", {"resolution": 32}, {}, SEEN, 22.5),
    ("ngp-t+occupancy", HASHED, {}, SEEN, 21.5),
    ("mlp+occupancy", NETWORK, {}, SLOWER, 17.5),
    ("tnerf+occupancy", NETWORK | {"warp_depth": 1, "warp_width": 16}, {}, SLOWER, 17.0),
    ("ngp+stratified", HASHED, {"n_bins": 64}, UNSEEN, 17.5),
    ("ngp+hierarchical", HASHED, {"n_coarse": 32, "n_fine": 32}, UNSEEN, 17.5),
    ("ngp+proposal", HASHED, {"n_first": 48, "n_final": 24, "anneal_steps": 50}, UNSEEN, 17.5),
    ("ngp+rvs", HASHED, {"n_bins": 48, "n_samples": 8}, UNSEEN, 17.5),
    ("mlp+rvs", NETWORK, {"use": "hierarchical", "n_bins": 32, "n_samples": 32}, SLOWER, 16.0),
]


@pytest.mark.parametrize(("method", "network", "sampling", "training", "reached"), LEARNT)
def test_the_demo_is_learnt_in_120_steps(method, network, sampling, training, reached):
    """A white image reaches 12.5 dB, one of the photo's mean colour 13.7 dB. Each threshold is at least 1 dB below what
    three seeds reached."""
    dataset, white = small_demo(), torch.ones(3)
    names = dict(zip(("field", "sampler"), method.split("+"), strict=True))
    training = {"target_samples": 4096, **training}
    trainer = new_trainer(dataset, "cpu", 0, Overrides({}, training, network, sampling, names))
    for _ in range(120):
        trainer.step()
    found = []
    for view in range(4):
        scene = trainer.field, trainer.sampler, dataset.test.cameras[view], trainer.settings.march
        found.append(psnr(render_image(*scene, white).colors, dataset.test.photo(view, white)))
    assert statistics.mean(found) > reached


def test_every_field_and_every_sampler_is_among_the_learnt():
    fields, samplers = zip(*(method.split("+") for method, *_ in LEARNT), strict=True)
    assert set(fields) == set(FIELDS) and set(samplers) == set(SAMPLERS)
