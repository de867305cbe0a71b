"""A user's own field: loaded, constructed, evaluated and refused."""

import pytest
import torch

from core.config.march import MarchSettings
from core.datasets import open_dataset
from core.errors import FieldError, SnapshotError
from core.fields import make_field
from core.fields.own_class import OwnSettings
from core.kernels.contraction import Space
from core.kernels.runtime.launch import using_threads
from core.rendering.render import render_image
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from core.training.build import Overrides, new_trainer, open_trainer
from core.training.snapshot import load_snapshot, save_snapshot
from tests.readme import python_block
from tests.scenes import BOX, Fog, camera, use_small_presets
from tests.viewer.live import write_quick_ball

FOG = """
import torch

class Fog(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(1))
    def density(self, positions):
        assert positions.shape[1] == 3 and len(positions) > 0
        return self.one * 2.0 * (1.0 + torch.sin(3.0 * positions).prod(-1, keepdim=True))
    def forward(self, positions, directions):
        return torch.sigmoid(self.one * positions + 0.5 * directions), None

class Parted(Fog):
    def density(self, positions):
        return super().density(positions)[:, 0], positions
    def color(self, features, directions):
        return super().forward(features, directions)[0]

class Moving(Fog):
    dynamic = True
    def density(self, positions):
        return super().density(positions[:, :3]) * (positions[:, 3:] + 1.0)
    def forward(self, positions, directions):
        return super().forward(positions[:, :3], directions)[0]

class Wide(torch.nn.Module):
    def __init__(self, aabb, width=4):
        super().__init__()
        self.register_buffer("aabb", aabb)
        self.layer = torch.nn.Linear(3, width)
    def density(self, positions):
        return self.layer(positions).exp().sum(1)
    def forward(self, positions, directions):
        return self.layer(positions)[:, :3].sigmoid()
"""


def written(tmp_path, code=FOG, name="fog"):
    path = tmp_path / f"{name}.py"
    path.write_text(code)
    return path


def field_of(path, name, seed=0):
    return make_field(OwnSettings(f"{path}:{name}"), Space(BOX), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["Fog", "Parted"])
@pytest.mark.parametrize("crop", [None, (5.0, 5.0, 5.0, 6.0, 6.0, 6.0)])
def test_either_pair_of_methods_gives_the_expected_image(name, crop, tmp_path):
    sampler, march = OccupancySampler(OccupancyGrid(BOX, 8)), MarchSettings(render_step_size=0.05, crop=crop)
    sampler.grid.start(0.01, 0.95)
    own = field_of(written(tmp_path), name)
    ours, theirs = (render_image(f, sampler, camera(size=16), march, torch.ones(3)) for f in (Fog(), own))
    torch.testing.assert_close(theirs.colors, ours.colors, rtol=0.0, atol=1e-5)


def test_gradients_equal_the_modules_own_on_any_number_of_threads(tmp_path):
    own, x = field_of(written(tmp_path), "Wide"), 2.0 * torch.rand(500, 3) - 1.0
    (own.own.density(x).sum() + own.own(x, x).square().sum()).backward()
    expected = own.own.layer.weight.grad.clone()
    for threads in (1, 3):
        own.zero_grad()
        with using_threads(threads):
            sigmas, features = own.density(x)
            (sigmas.sum() + own.color(features, x).square().sum()).backward()
        torch.testing.assert_close(own.own.layer.weight.grad, expected)


def test_it_is_constructed_with_the_scenes_box_and_the_seed(tmp_path):
    path, before = written(tmp_path), torch.get_rng_state()
    fields = [field_of(path, "Wide", seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert fields[0].own.aabb.tolist() == list(BOX)
    weights = [field.own.layer.weight for field in fields]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_a_dynamic_class_receives_times(tmp_path):
    path = written(tmp_path)
    moving, still = field_of(path, "Moving"), field_of(path, "Fog")
    assert moving.dynamic and not still.dynamic
    x = torch.rand(10, 4)
    torch.testing.assert_close(moving.density(x)[0], still.density(x)[0] * (x[:, 3] + 1.0))
    torch.testing.assert_close(moving.density(x[:, :3])[0], still.density(x)[0])


NO_SUPER = """
import torch


class Fog(torch.nn.Module):
    def __init__(self):
        self.width = 1

    def density(self, positions):
        return positions[:, 0].square()

    def forward(self, positions, directions):
        return directions.square()
"""


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, r"expected a Python file .*fog\.py, found none"),
        ("import nowhere_at_all", r"its file raised ModuleNotFoundError in line 1 \(No module named"),
        ("class Fog:\n  pass", r"expected a torch\.nn\.Module"),
        ("def (", r"its file raised SyntaxError"),
        ("import sys\nsys.exit(3)", r"its file raised SystemExit in line 2"),
        (FOG.replace("class Fog(", "class Haze(").replace("(Fog)", "(Haze)"), "found Haze, Parted, Moving, Wide"),
        (FOG.replace("def density", "def opacity"), r"expected a method density\(positions\)"),
        (FOG.replace("def forward", "def colour"), r"expected a method forward\(positions, directions\), or color"),
        (NO_SUPER, r"expected super\(\).__init__\(\) in its constructor"),
        (FOG.replace("__init__(self)", "__init__(self, width)"), r"its constructor, .* missing 1 required .*'width'"),
        (FOG.replace("prod(-1, keepdim=True)", "prod(0)"), r"densities of shape \(8,\) or \(8, 1\), found \(3,\)"),
        (FOG.replace("2.0 *", "-2.0 *"), r"densities of at least 0, found -"),
        (FOG.replace("2.0 *", "1e99 *"), r"expected finite densities, found \[inf"),
        (FOG.replace("positions + 0.5 * directions", "positions[0]"), r"forward: expected colours of shape \(8, 3\)"),
        (FOG.replace("sin(3.0 *", "sin(self.three *"), r"density raised AttributeError in line 10 .*three"),
        (FOG.replace("torch.nn.Parameter(torch.ones(1))", "torch.ones(1)"), "densities that depend on its parameters"),
    ],
)
def test_unusable_code_is_reported_in_one_line_that_names_its_file(code, message, tmp_path):
    path = tmp_path / "fog.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(FieldError, match=message) as caught:
        field_of(path, "Fog")
    assert "\n" not in str(caught.value) and "fog.py" in str(caught.value)


@pytest.mark.parametrize("name", ["fog:Fog", "fog.py:", "fog.py:a b", ":Fog"])
def test_an_invalid_class_name_is_refused(name):
    with pytest.raises(ValueError, match=r"path\.py:Class"):
        OwnSettings(name)


def test_the_readmes_field_learns_and_its_snapshot_runs_no_unnamed_code(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    source = f"{written(tmp_path, python_block('class Waves'), 'waves')}:Waves"
    scene, snapshot = str(write_quick_ball(tmp_path / "ball")), tmp_path / "a.safetensors"
    training = {"learning_rate": 1e-2, "target_samples": 1024, "grid_resolution": 8}
    trainer = open_trainer(scene, overrides=Overrides(training=training, method={"field": source}))
    losses = [trainer.step().loss for _ in range(80)]
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    save_snapshot(snapshot, trainer)
    moved = tmp_path / "elsewhere" / "other.py"
    moved.parent.mkdir()
    (tmp_path / "waves.py").rename(moved)
    again = open_trainer(str(snapshot), overrides=Overrides(method={"field": f"{moved}:Waves"}))
    assert again.step().loss == trainer.step().loss
    with pytest.raises(SnapshotError, match="doesn't fit"):
        load_snapshot(snapshot, own_field=f"{written(tmp_path)}:Wide")
    ran = tmp_path / "ran"
    (tmp_path / "waves.py").write_text(f"open({str(ran)!r}, 'w')")
    with pytest.raises(SnapshotError, match=rf"if you trust it, add --field {source}"):
        open_trainer(str(snapshot))
    assert not ran.exists()


def test_a_hierarchical_sampler_makes_its_own_second_field(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    method = {"field": f"{written(tmp_path)}:Wide", "sampler": "hierarchical"}
    overrides = Overrides(training={"target_samples": 512, "grid_resolution": 8}, method=method)
    trainer = open_trainer(str(write_quick_ball(tmp_path / "ball")), overrides=overrides)
    before = trainer.sampler.coarse.own.layer.weight.detach().clone()
    assert not torch.equal(before, trainer.field.own.layer.weight)
    trainer.step()
    assert not torch.equal(before, trainer.sampler.coarse.own.layer.weight)
    assert trainer.settings.learning_rate == 5e-4


def test_naming_a_field_for_a_snapshot_of_another_field_is_refused(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    path = tmp_path / "a.safetensors"
    save_snapshot(path, open_trainer(str(write_quick_ball(tmp_path / "ball"))))
    with pytest.raises(SnapshotError, match="trained with the field ngp"):
        load_snapshot(path, own_field=f"{written(tmp_path)}:Fog")


def test_settings_of_other_fields_are_refused(tmp_path):
    dataset = open_dataset(str(write_quick_ball(tmp_path / "ball")))
    with pytest.raises(ValueError, match=r"n_levels is no setting of .*fog\.py:Fog"):
        method = {"field": f"{written(tmp_path)}:Fog"}
        new_trainer(dataset, "cpu", 0, Overrides(field={"n_levels": 3}, method=method))
