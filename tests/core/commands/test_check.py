import pytest
from PIL import Image

from core.commands import check
from core.config.read_options import ReadOptions
from core.errors import FirstlightError


def test_a_report_is_printed_and_the_dataset_drawn(ball_scene, tmp_path, capsys):
    assert check.main(str(ball_scene), ReadOptions(), tmp_path / "cameras.png", {"levels": 2}) == 0
    printed = capsys.readouterr().out
    assert "format     Blender" in printed and "verdict" in printed and "the first of 2 nested ones" in printed
    assert printed.splitlines()[-1] == f"see {tmp_path / 'cameras.png'}"
    with Image.open(tmp_path / "cameras.png") as image:
        assert image.format == "PNG"


def test_an_unwritable_drawing_is_refused_before_the_dataset_is_opened(tmp_path):
    (tmp_path / "there.png").touch()
    for output, error in (("there.png", FirstlightError), ("no folder/a.png", FirstlightError), ("a.jpg", ValueError)):
        with pytest.raises(error):
            check.main(str(tmp_path / "no such scene"), ReadOptions(), tmp_path / output, {})
