import dataclasses

import pytest
import tyro

from core.config.flags import flags_of, parse_size
from core.config.march import MarchSettings
from core.config.read_options import ReadOptions
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.fields.ngp import NGPSettings
from viewer.protocol.view_settings import Mode, ViewSettings


@dataclasses.dataclass
class Command:
    flags: flags_of(MarchSettings) = dataclasses.field(default_factory=dict)
    view: flags_of(ViewSettings) = dataclasses.field(default_factory=dict)


def parse(*arguments):
    return tyro.cli(Command, args=arguments, config=(tyro.conf.OmitArgPrefixes, tyro.conf.EnumChoicesFromValues))


def test_only_flags_that_were_passed_are_set():
    assert parse().flags == {}
    assert parse("--alpha-thre", "0").flags == {"alpha_thre": 0.0}
    command = parse("--crop", *["0", "0", "0", "1", "1", "2"], "--mode", "depth", "--no-show-box")
    assert command.flags == {"crop": (0.0, 0.0, 0.0, 1.0, 1.0, 2.0)}
    assert command.view == {"mode": Mode.DEPTH, "show_box": False}


@pytest.mark.parametrize("settings", [ReadOptions, MarchSettings, ViewSettings, TrainSettings, NGPSettings])
def test_every_setting_has_its_flag_and_its_help(settings, capsys):
    with pytest.raises(SystemExit):
        tyro.cli(flags_of(settings), args=["--help"])
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name, setting in settings_of(settings).items():
        assert f"--{name.replace('_', '-')}" in words
        assert setting.documentation.split(".")[0][:30].rsplit(" ", 1)[0] in words
    assert "None}" not in words


def test_a_size_is_two_positive_integers():
    assert parse_size(" 1280x800 ") == (1280, 800)
    for text in ("wide", "0x10", "10x", "-1x5", "10x10x10"):
        with pytest.raises(ValueError, match="1280x800"):
            parse_size(text)
