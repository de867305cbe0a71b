"""The README's field and sampler, each added with one file and one line: command line, window and snapshots support
them."""

import sys

import pytest

import run_viewer
from core.datasets import open_dataset
from core.fields import FIELDS
from core.samplers import SAMPLERS
from core.training.build import Overrides
from core.training.methods import CHOICES, words_of
from core.training.snapshot import load_snapshot
from tests.readme import python_block
from tests.scenes import use_small_presets
from tests.viewer.live import open_scene, write_quick_ball
from viewer.protocol.runs import title_of
from viewer.protocol.view_settings import ViewSettings
from viewer.scene.open_scene import describe
from viewer.state.command import command
from viewer.state.method_draft import MethodDraft
from viewer.tools.method import MethodQuestion, answer

FIELD_FILE = python_block("class ToyField")
SAMPLER_FILE = python_block("class ToySampler")

CHOSEN = ["--field", "toy", "--toy-radius", "0.7", "--sampler", "toy-bins", "--toy-bins", "16"]


@pytest.fixture
def toys(tmp_path, monkeypatch):
    (tmp_path / "toy_field.py").write_text(FIELD_FILE)
    (tmp_path / "toy_sampler.py").write_text(SAMPLER_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    FIELDS.register("toy", "toy_field")
    SAMPLERS.register("toy-bins", "toy_sampler")
    yield
    FIELDS.remove("toy")
    SAMPLERS.remove("toy-bins")
    for module in ("toy_field", "toy_sampler"):
        sys.modules.pop(module, None)


@pytest.fixture
def ball(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    return write_quick_ball(tmp_path / "ball")


def test_the_command_line_offers_their_names_and_flags(toys, capsys):
    parsed = run_viewer.parse(["scene", *CHOSEN])
    assert parsed.method == {"field": "toy", "sampler": "toy-bins"}
    assert (parsed.network, parsed.sampling) == ({"toy_radius": 0.7}, {"toy_bins": 16})
    with pytest.raises(SystemExit):
        run_viewer.parse(["train", "--field", "toy", "--sampler", "toy-bins", "--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("tnerf,toy,", "rvs,toy-bins", "--toy-radius", "--toy-bins"))


def test_they_train_and_resume_from_a_snapshot(toys, ball, tmp_path, capsys):
    train = ["train", str(ball), "--steps", "3", "--output", str(tmp_path / "run"), "--device", "cpu"]
    assert run_viewer.main([*train, *CHOSEN]) == 0, capsys.readouterr().err
    path = tmp_path / "run" / "snapshot.safetensors"
    first, second = load_snapshot(path), load_snapshot(path)
    assert (first.field_settings.toy_radius, first.sampler_settings.toy_bins) == (0.7, 16)
    assert type(first.learning_field) is FIELDS["toy"].field and first.step_count == 3
    assert first.step().loss == second.step().loss
    render = ["render", str(path), "--output", str(tmp_path / "p.png"), "--size", "16x16", "--device", "cpu"]
    assert run_viewer.main(render) == 0, capsys.readouterr().err


def test_mistakes_name_them(toys, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for arguments, named in (
        (["view", "--field", "toy", "--toy-radius", "99"], "toy_radius must be"),
        (["view", "--toy-bins", "4"], "toy_bins is no setting of occupancy"),
        (["view", "--field", "cubes"], "tnerf, toy, or path.py:Class"),
    ):
        assert run_viewer.main(arguments) == 2
        assert named in capsys.readouterr().err


def test_the_window_lists_them_and_their_settings(toys, ball):
    assert "toy" in CHOICES["field"][1] and "toy-bins" in CHOICES["sampler"][1]
    assert words_of("field", "toy").sentence == "A soft ball of one colour."
    scene = open_scene(ball)
    draft = MethodDraft()
    draft.follow(scene.info.method, {"contraction": "none"})
    draft.choose("field", "toy")
    draft.choose("sampler", "toy-bins")
    draft.set("field", "toy_radius", 0.7)
    found = answer(MethodQuestion(draft.chosen, 1), scene)
    assert found.problem == "" and not found.trained
    assert (found.usual["field"].toy_radius, found.usual["sampler"].toy_bins) == (0.5, 24)
    assert title_of(draft.chosen) == "toy + toy-bins (toy_radius 0.7)"


def test_the_windows_command_reopens_them(toys, ball):
    overrides = Overrides(
        field={"toy_radius": 0.7}, sampler={"toy_bins": 16}, method={"field": "toy", "sampler": "toy-bins"}
    )
    from core.training.build import new_trainer

    scene = describe(new_trainer(open_dataset(ball), "cpu", 0, overrides))
    words = command(scene, scene.train.march, ViewSettings()).split()
    assert [words[words.index(flag) + 1] for flag in CHOSEN[::2]] == CHOSEN[1::2]


def test_a_name_can_be_registered_only_once(toys):
    with pytest.raises(ValueError, match="toy is registered already"):
        FIELDS.register("toy", "elsewhere")
