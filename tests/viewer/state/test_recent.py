import pytest

from viewer.state import recent


def test_the_newest_is_first_and_there_are_no_duplicates(tmp_path):
    file = tmp_path / "cache" / "recent.json"
    for path in ("a", "b", "a", "ü"):
        recent.add(file, path)
    assert recent.load(file) == ["ü", "a", "b"]


def test_the_list_stays_short(tmp_path):
    file = tmp_path / "recent.json"
    for i in range(50):
        recent.add(file, str(i))
    assert recent.load(file) == [str(i) for i in range(49, 49 - recent.LENGTH, -1)]


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1, null, [2]]", "\x00\xff"])
def test_a_broken_list_counts_as_empty(tmp_path, content):
    file = tmp_path / "recent.json"
    file.write_bytes(content.encode("latin-1"))
    assert recent.load(file) == []
    assert recent.add(file, "a") == ["a"]
    assert recent.load(file) == ["a"]


def test_a_list_that_cannot_be_written_is_kept_for_this_run(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert recent.add(blocked / "recent.json", "a") == ["a"]
