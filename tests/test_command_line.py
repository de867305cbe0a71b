import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import run_viewer
from core.command_line.check import CheckCommand
from core.config.march import MarchSettings
from core.config.read_options import ReadOptions
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.datasets import open_dataset
from core.fields.ngp import NGPSettings
from core.samplers.proposal import ProposalSettings
from core.training.build import Overrides
from core.training.snapshot import save_snapshot
from tests.readme import python_block
from tests.scenes import use_small_presets
from tests.viewer.live import tiny_trainer, write_quick_ball
from viewer.command_line.view import ViewCommand
from viewer.protocol.view_settings import Mode, ViewSettings

REPOSITORY = Path(run_viewer.__file__).parent


@pytest.fixture
def ball(tmp_path, monkeypatch):
    use_small_presets(monkeypatch)
    return write_quick_ball(tmp_path / "ball")


@pytest.fixture
def no_display(monkeypatch):
    monkeypatch.setattr("core.commands.doctor.sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)


def one_line(capsys) -> str:
    """The output on stderr, which must be one line."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and text.endswith("\n")
    return text


def test_a_first_word_that_is_no_command_is_the_dataset_to_view():
    assert run_viewer.parse([]) == ViewCommand()
    assert run_viewer.parse(["--downscale", "2"]) == ViewCommand(reading={"downscale": 2})
    assert run_viewer.parse(["../lego", "--downscale", "2"]) == ViewCommand(dataset="../lego", reading={"downscale": 2})
    assert run_viewer.parse(["view", "s.safetensors"]) == ViewCommand(dataset="s.safetensors")
    assert run_viewer.parse(["check", "view"]) == CheckCommand(dataset="view")


def test_only_flags_that_were_passed_are_set():
    command = run_viewer.parse(["lego", "--alpha-thre", "0.01", "--mode", "depth", "--background", "0", "0", "1"])
    assert command.thresholds == {"alpha_thre": 0.01}
    assert command.picture == {"mode": Mode.DEPTH, "background": (0.0, 0.0, 1.0)}


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        ("view", (ReadOptions, MarchSettings, ViewSettings)),
        ("train", (ReadOptions, MarchSettings, TrainSettings)),
        ("train --field ngp", (TrainSettings, NGPSettings)),
        ("view --sampler=proposal", (ViewSettings, ProposalSettings)),
        ("check", (ReadOptions,)),
        ("bench", (ReadOptions,)),
        ("render", (MarchSettings, ViewSettings)),
        ("sweep", (MarchSettings,)),
    ],
)
def test_help_names_every_setting(command, settings, capsys):
    with pytest.raises(SystemExit) as exit_:
        run_viewer.parse([*command.split(), "--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    for cls in settings:
        for name in settings_of(cls):
            assert re.search(rf"--{name.replace('_', '-')}[ ,]", text)


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as exit_:
        run_viewer.parse(["--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert all(f" {command} " in text for command in run_viewer.COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["train", "demo"],
        ["sweep", "s.safetensors", "--output", "OUT"],
        ["view", "--mode", "pretty"],
        ["--alpha-thre", "much"],
        ["x", "--no-such-flag"],
    ],
)
def test_wrong_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        run_viewer.main(arguments)
    assert exit_.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["no/such/folder"], "no/such/folder"),
        (["check", "no/such/folder"], "no/such/folder"),
        (["train", "no/such/folder", "--output", "OUT"], "no/such/folder"),
        (["render", "gone.safetensors", "--output", "OUT/p.png"], "gone.safetensors"),
        (["render", "gone.safetensors", "--output", "p.jpg"], "p.jpg"),
        (["sweep", "gone.safetensors", "--over", "alpha_thre", "--output", "OUT"], "gone.safetensors"),
        (["sweep", "gone.safetensors", "--over", "speed", "--output", "OUT"], "alpha_thre, early_stop_eps"),
        (["sweep", "s", "--over", "alpha_thre", "--output", "OUT", "--occ-thre", "7"], "occ_thre"),
        (["view", "--alpha-thre", "7"], "alpha_thre"),
        (["view", "--window-size", "wide"], "1280x800"),
        (["view", "--field", "cubes"], "cubes"),
        (["train", "no/such/folder", "--field", "cubes", "--output", "OUT"], "cubes"),
        (["view", "--width", "64"], "width is no setting of ngp:"),
        (["view", "--sampler", "rvs", "--use", "hierarchical"], "choose another field"),
        (["view", "--sampler", "stratified", "--n-bins", "0"], "n_bins must be"),
        (["view", "--box", "0", "0", "0", "1", "1", "-1"], "0 to -1 along z"),
        (["train", "demo", "--levels", "9", "--output", "OUT"], "levels"),
        (["check", "demo", "--box", "0", "0", "90", "1", "1", "91"], "no camera sees"),
        (["bench", "demo", "--levels", "0"], "levels"),
        (["check", "demo", "--downscale", "0"], "downscale"),
        (["train", "demo", "--seconds", "1", "--steps", "1", "--output", "OUT"], "either"),
    ],
)
def test_mistakes_are_reported_in_one_line(arguments, named, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_viewer.main(arguments) == 2
    assert named in one_line(capsys)


def test_without_a_display_the_error_says_what_is_missing_and_what_works(no_display, ball, capsys):
    assert run_viewer.main([str(ball)]) == 2
    line = one_line(capsys)
    assert "DISPLAY" in line
    assert f"run_viewer.py train {ball}" in line


def test_unknown_instructions_are_one_line(monkeypatch, capsys):
    monkeypatch.setattr("core.process._configuration", None)
    monkeypatch.setenv("FIRSTLIGHT_INSTRUCTIONS", "sse")
    assert run_viewer.main(["doctor"]) == 2
    assert capsys.readouterr().err == (
        "run_viewer.py: expected FIRSTLIGHT_INSTRUCTIONS to be avx2 or native, found 'sse': unset it, or choose one\n"
    )


def test_check_reports_on_a_dataset(ball, capsys):
    assert run_viewer.main(["check", str(ball)]) == 0
    text = capsys.readouterr().out
    assert "9 views" in text and "24x24" in text
    (ball / "train" / "r_3.png").write_bytes(b"broken")
    assert run_viewer.main(["check", str(ball)]) == 2
    assert "r_3.png" in one_line(capsys)


def test_train_then_render(ball, tmp_path, capsys):
    report = tmp_path / "report"
    train = ["train", str(ball), "--steps", "20", "--output", str(report), "--device", "cpu", "--occ-thre", "0.02"]
    assert run_viewer.main(train) == 0
    assert "20 steps" in capsys.readouterr().out
    written = json.loads((report / "report.json").read_text())
    assert written["settings"]["train"]["march"]["occ_thre"] == 0.02
    assert run_viewer.main(train) == 2
    assert "not empty" in one_line(capsys)
    render = ["render", str(report / "snapshot.safetensors"), "--output", str(tmp_path / "p.png"), "--camera", "1"]
    assert run_viewer.main(render) == 0
    assert (tmp_path / "p.png").exists()
    assert run_viewer.main(render) == 2
    assert "exists" in one_line(capsys)


def test_sweep_writes_its_folder_once(ball, tmp_path, capsys):
    save_snapshot(tmp_path / "s.safetensors", tiny_trainer(open_dataset(ball)))
    sweep = ["sweep", str(tmp_path / "s.safetensors"), "--over", "alpha_thre", "--output", str(tmp_path / "sweep")]
    assert run_viewer.main([*sweep, "--values", "3", "--device", "cpu"]) == 0
    assert "samples/ray" in capsys.readouterr().out
    assert len((tmp_path / "sweep" / "sweep.csv").read_text().splitlines()) == 4
    assert (tmp_path / "sweep" / "sweep.png").exists()
    assert run_viewer.main(sweep) == 2
    assert "not empty" in one_line(capsys)


def test_a_users_own_field_must_be_named_again_for_its_snapshot(ball, tmp_path, capsys):
    source, train = tmp_path / "waves.py", tmp_path / "train"
    source.write_text(python_block("class Waves"))
    field = ["--field", f"{source}:Waves"]
    assert run_viewer.main(["train", str(ball), "--steps", "2", "--output", str(train), *field]) == 0
    render = ["render", str(train / "snapshot.safetensors"), "--output", str(tmp_path / "p.png"), "--size", "16x16"]
    capsys.readouterr()
    assert run_viewer.main(render) == 2
    assert f"add --field {source}:Waves" in one_line(capsys)
    assert run_viewer.main([*render, *field]) == 0
    sweep = [
        "sweep",
        render[1],
        "--over",
        "alpha_thre",
        "--values",
        "2",
        "--size",
        "8x8",
        "--output",
        str(tmp_path / "s"),
    ]
    assert run_viewer.main([*sweep, *field]) == 0


def test_doctor_reports_what_is_installed(capsys):
    assert run_viewer.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "Python" in text and "kernels" in text and "Warp" in text


@pytest.mark.parametrize("missing", ["torch", "warp"])
def test_doctor_names_packages_that_do_not_load_and_how_to_install_them(missing):
    code = """if True:
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] == sys.argv[1]:
                    raise ModuleNotFoundError(f"No module named {name!r}")
        sys.meta_path.insert(0, Missing())
        import run_viewer
        sys.exit(run_viewer.main(["doctor"]))"""
    command = [sys.executable, "-c", code, missing]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stderr == ""
    assert f"does not load: No module named '{missing}'" in done.stdout
    assert "pip install -r" in done.stdout and "display" in done.stdout


def test_the_window_receives_the_options(monkeypatch, ball):
    seen = {}

    def run_window(session, dataset, reading, thresholds, picture, ui_scale, size, overrides):
        seen.update(
            dataset=dataset, reading=reading, march=thresholds, view=picture, ui_scale=ui_scale, size=size,
            overrides=overrides,
        )  # fmt: skip
        return 0

    monkeypatch.setattr("core.commands.doctor.display_problem", lambda: None)
    monkeypatch.setattr("viewer.window.run_window", run_window)
    arguments = [str(ball), "--downscale", "2", "--ui-scale", "1.5", "--cone-angle", "0.01", "--show-box"]
    arguments += ["--window-size", "1024x640"]
    arguments += ["--device", "cpu", "--levels", "2", "--up", "-x", "--field", "mlp", "--width", "64"]
    assert run_viewer.main([*arguments, "--sampler", "rvs", "--use", "hierarchical"]) == 0
    assert seen == {
        "dataset": str(ball),
        "reading": ReadOptions(2),
        "march": {"cone_angle": 0.01},
        "view": {"show_box": True},
        "ui_scale": 1.5,
        "size": (1024, 640),
        "overrides": Overrides(
            field={"width": 64},
            sampler={"use": "hierarchical"},
            method={"field": "mlp", "sampler": "rvs"},
            place={"levels": 2, "up": "-x"},
        ),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["lego", "--alpha-thre", "0.01", "--field", "mlp"],
        *([command, "--help"] for command in run_viewer.COMMANDS),
    ],
)
def test_mistakes_and_help_do_not_load_torch(arguments):
    """Except for settings of fields and samplers, whose files contain the networks too."""
    code = f"""if True:
        import contextlib, io, sys, run_viewer
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            run_viewer.parse({arguments})
        print(sorted({{'torch', 'warp', 'rich', 'matplotlib'}} & set(sys.modules)))"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_program_exits_with_2_and_one_line(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "run_viewer.py"), "check", str(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and str(tmp_path) in done.stderr
