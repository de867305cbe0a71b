import pytest

from core.errors import FirstlightError
from core.files import write_new


def test_each_file_takes_the_next_free_number(tmp_path):
    paths = [write_new(tmp_path / "new", "demo", 42, ".csv", text.encode()) for text in ("a", "b")]
    assert [p.name for p in paths] == ["demo-step000042-001.csv", "demo-step000042-002.csv"]
    assert [p.read_text() for p in paths] == ["a", "b"]


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(FirstlightError, match="taken can't be written"):
        write_new(tmp_path / "taken", "demo", 1, ".csv", b"")
