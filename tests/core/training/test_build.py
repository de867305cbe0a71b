from dataclasses import replace

import pytest

from core.config.presets import train_preset
from core.datasets.bounds.footprint import pixels_across
from core.datasets.bounds.scene_bounds import place_of
from core.errors import DatasetError, FirstlightError, SnapshotError
from core.fields.base import Conditions
from core.fields.ngp import NGPSettings
from core.geometry.boxes import scale_box
from core.geometry.placement import Place
from core.training.build import Overrides, method_of, moved_trainer, new_trainer, open_trainer, other_trainer
from core.training.snapshot import save_snapshot
from tests.scenes import BOX, ball_dataset, use_small_presets
from tests.viewer.live import write_quick_ball


def test_only_overrides_differ_from_the_presets():
    overrides = Overrides(thresholds={"alpha_thre": 0.1}, training={"learning_rate": 0.5}, field={"n_levels": 3})
    field, train = NGPSettings.usual(Conditions("cpu")), train_preset("cpu", BOX)
    trainer = new_trainer(ball_dataset(), "cpu", 0, overrides)
    assert (trainer.settings.march.alpha_thre, trainer.settings.learning_rate) == (0.1, 0.5)
    assert trainer.settings.march.occ_thre == train.march.occ_thre
    assert trainer.settings.target_samples == train.target_samples
    assert (trainer.field_settings.n_levels, trainer.field_settings.hidden_dim) == (3, field.hidden_dim)
    with pytest.raises(ValueError, match="learning_rate"):
        new_trainer(ball_dataset(), "cpu", 0, Overrides(training={"learning_rate": -1.0}))


def test_a_scene_opens_in_the_requested_place(tmp_path):
    path = str(write_quick_ball(tmp_path / "ball"))
    box = (-1.0, -1.0, -1.0, 1.5, 1.5, 1.5)
    trainer = open_trainer(path, overrides=Overrides(place={"box": box, "levels": 2, "up": "-y"}))
    assert place_of(trainer.dataset) == Place(box, 2, 0.0, (0.0, -1.0, 0.0))
    assert trainer.settings.grid_levels == 2 and trainer.settings.march.cone_angle > 0.0
    with pytest.raises(ValueError, match="no camera sees"):
        open_trainer(path, overrides=Overrides(place={"box": (0.0, 0.0, 90.0, 1.0, 1.0, 91.0)}))


def test_in_another_place_only_overrides_are_kept(tmp_path):
    dataset = ball_dataset()
    overrides = Overrides(thresholds={"alpha_thre": 0.02}, training={"learning_rate": 0.5}, field={"n_levels": 3})
    trainer = new_trainer(dataset, "cpu", 0, overrides)
    trainer.exclude(frozenset({1}))
    place = Place((-2.0, -2.0, -2.0, 2.0, 2.0, 2.0), 3, 0.25, (1.0, 0.0, 0.0))
    moved = moved_trainer(trainer, trainer.settings, place, seed=4)
    pixels = 2.0 * pixels_across(dataset.train.cameras, place.box)  # contracted, the box spans half of a side
    field = NGPSettings.usual(Conditions("cpu", trainer.field_settings.precision, True, pixels))
    train = train_preset("cpu", place.box, 3, 0.25)
    assert (moved.step_count, moved.seed, moved.excluded) == (0, 4, {1})
    assert moved.field_settings == replace(field, n_levels=3)
    assert moved.settings == replace(train, learning_rate=0.5, march=replace(train.march, alpha_thre=0.02))
    assert moved.step().n_samples > 0
    with pytest.raises(ValueError, match="begin before"):
        moved_trainer(trainer, trainer.settings, Place((1.0,) * 6), 0)


def test_the_finest_level_follows_the_image_resolution_and_an_override_is_kept(tmp_path):
    small, large = (new_trainer(ball_dataset(size), "cpu", 0) for size in (100, 200))
    sides = [trainer.field_settings.max_resolution for trainer in (small, large)]
    assert sides[1] == pytest.approx(2 * sides[0], abs=1)
    assert method_of(small).field == {}
    place = place_of(small.dataset)
    for contraction, share in (("none", 1), ("max", 2)):  # contracted, the box keeps half of each side
        trainer = new_trainer(small.dataset, "cpu", 0, Overrides(method={"contraction": contraction}))
        assert trainer.field_settings.max_resolution == pytest.approx(share * sides[0], abs=1)
        assert method_of(trainer).field == {}
    nearer = place._replace(box=scale_box(place.box, 0.75))
    assert moved_trainer(small, small.settings, nearer, 0).field_settings.max_resolution < sides[0]
    fixed = new_trainer(small.dataset, "cpu", 0, Overrides(field={"max_resolution": 256}))
    assert method_of(fixed).field == {"max_resolution": 256}
    assert moved_trainer(fixed, fixed.settings, nearer, 0).field_settings.max_resolution == 256


def test_a_snapshot_keeps_its_finest_level(tmp_path):
    path = str(write_quick_ball(tmp_path / "ball"))
    few = {"n_levels": 2, "log2_hashmap_size": 10, "max_resolution": 512}
    trainer = open_trainer(path, overrides=Overrides(field=few))
    trainer.step()
    save_snapshot(tmp_path / "one.safetensors", trainer)
    again = open_trainer(str(tmp_path / "one.safetensors"))
    assert again.field_settings == trainer.field_settings and method_of(again).field == few


def test_another_method_keeps_the_place_the_views_and_the_thresholds():
    dataset = ball_dataset()
    overrides = Overrides(
        {"alpha_thre": 0.1}, {"learning_rate": 0.5}, {"n_levels": 3}, method={"sampler": "stratified"}
    )
    trainer = new_trainer(dataset, "cpu", 0, overrides, frozenset({1}))
    again = method_of(trainer)
    assert again == Overrides(field={"n_levels": 3}, method={"field": "ngp", "sampler": "stratified"})
    assert new_trainer(dataset, "cpu", 0, again).field_settings == trainer.field_settings
    overrides = Overrides(method={"field": "mlp"}, field={"depth": 2, "width": 16, "skip": 0})
    other = other_trainer(trainer, trainer.settings, overrides, seed=4)
    plain = new_trainer(dataset, "cpu", 0, overrides)
    assert (other.dataset, other.step_count, other.seed, other.excluded) == (dataset, 0, 4, {1})
    assert other.field_settings == plain.field_settings and method_of(other).method["sampler"] == "occupancy"
    assert other.settings == replace(plain.settings, march=replace(plain.settings.march, alpha_thre=0.1))
    assert other.step().n_samples > 0
    with pytest.raises(ValueError, match="no setting of mlp"):
        other_trainer(trainer, trainer.settings, replace(overrides, field={"n_levels": 3}), 0)


def test_a_learning_rate_derived_from_the_networks_width_is_no_override():
    dataset = ball_dataset()
    overrides = Overrides({}, {}, {"width": 16, "depth": 2, "skip": 0}, method={"field": "mlp", "sampler": "proposal"})
    trainer = new_trainer(dataset, "cpu", 0, overrides)
    wide = new_trainer(dataset, "cpu", 0, replace(overrides, field=overrides.field | {"width": 128}))
    assert trainer.sampler_settings.rate_factor != wide.sampler_settings.rate_factor
    assert method_of(trainer) == overrides
    chosen = replace(overrides, sampler={"rate_factor": 0.25})
    assert method_of(new_trainer(dataset, "cpu", 0, chosen)) == chosen


def test_a_snapshot_keeps_its_method(tmp_path):
    path = str(tmp_path / "one.safetensors")
    for changes in (
        Overrides(method={"field": "ngp"}),
        Overrides(field={"n_levels": 3}),
        Overrides(sampler={"x": 1}),
    ):
        with pytest.raises(FirstlightError, match="keeps its field and its sampler"):
            open_trainer(path, overrides=changes)


def test_a_snapshot_keeps_its_box_but_its_up_may_change(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    path = str(tmp_path / "one.safetensors")
    save_snapshot(path, open_trainer(str(write_quick_ball(tmp_path / "ball"))))
    with pytest.raises(FirstlightError, match="trained in a box"):
        open_trainer(path, overrides=Overrides(place={"levels": 2}))
    assert open_trainer(path, overrides=Overrides(place={"up": "+x"})).dataset.up == (1.0, 0.0, 0.0)


def test_a_dataset_starts_training_and_a_snapshot_continues_it(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    said = []
    trainer = open_trainer(str(write_quick_ball(tmp_path / "ball")), progress=lambda share, text: said.append(share))
    assert trainer.step_count == 0
    assert said == sorted(said) and said[-1] == 1.0
    trainer.step()
    save_snapshot(tmp_path / "one.safetensors", trainer)
    again = open_trainer(str(tmp_path / "one.safetensors"))
    assert again.step_count == 1
    assert again.settings == trainer.settings


def test_kernels_are_loaded_before_the_first_step_and_training_is_unchanged(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    trainer = open_trainer(str(write_quick_ball(tmp_path / "ball")))
    plain = new_trainer(trainer.dataset, "cpu", 0)
    assert trainer.seconds == 0.0
    assert trainer.step().loss == plain.step().loss


def test_a_path_that_is_neither_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="nothing-here"):
        open_trainer(str(tmp_path / "nothing-here"))
    with pytest.raises(SnapshotError, match=r"gone\.safetensors"):
        open_trainer(str(tmp_path / "gone.safetensors"))


def test_an_exception_in_the_progress_callback_ends_the_opening(tmp_path):
    def stop(share, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_trainer(str(write_quick_ball(tmp_path / "ball")), progress=stop)
