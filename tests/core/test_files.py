import errno
import os

import pytest

from core.errors import FirstlightError, SnapshotError
from core.files import check_new_file, new_file, new_folder, new_path, replace_file, write_numbered


@pytest.fixture(params=["links", "no links"])
def links(request, monkeypatch):
    """Whether the file system has hard links."""
    if request.param == "no links":

        def refuse(*_):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("links")
def test_a_new_file_appears_only_when_complete_and_replaces_no_other(tmp_path):
    path = tmp_path / "new folder" / "a.txt"
    with new_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole" and os.listdir(path.parent) == ["a.txt"]
    with pytest.raises(FirstlightError, match=r"a\.txt exists already"), new_file(path):
        raise AssertionError("must not get as far as writing")
    other = path.with_name("b.txt")
    with pytest.raises(SnapshotError, match="exists already"), new_path(other, SnapshotError) as unfinished:
        unfinished.write_text("late")
        other.write_text("another writer was faster")
    assert other.read_text() == "another writer was faster" and sorted(os.listdir(path.parent)) == ["a.txt", "b.txt"]


def test_a_failed_write_leaves_no_file_behind(tmp_path):
    with pytest.raises(FirstlightError, match=r"can't be written \(No space"), new_file(tmp_path / "a") as file:
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "a") as file:
        raise KeyboardInterrupt
    (tmp_path / "file").touch()
    with pytest.raises(SnapshotError, match="can't be written"), new_file(tmp_path / "file" / "a", SnapshotError):
        raise AssertionError("must not get as far as writing, the folder can't exist")
    assert os.listdir(tmp_path) == ["file"]


def test_an_unusable_name_is_refused_before_the_work_starts(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(FirstlightError, match="exists already"):
        check_new_file(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"ends in \.npy or \.npz"):
        check_new_file(tmp_path / "a.exr", (".npy", ".npz"))
    with pytest.raises(FirstlightError, match="no folder"):
        check_new_file(tmp_path / "missing" / "b.png", (".png",), needs_folder=True)
    assert check_new_file(str(tmp_path / "missing" / "b.PNG"), (".png",)) == tmp_path / "missing" / "b.PNG"


def test_a_memory_file_is_replaced_atomically(tmp_path, monkeypatch):
    path = tmp_path / "new folder" / "state.json"
    replace_file(path, "first")
    replace_file(path, b"second")
    monkeypatch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        replace_file(path, "third")
    assert path.read_text() == "second" and os.listdir(path.parent) == ["state.json"]


def test_a_folder_for_results_is_new_or_empty(tmp_path):
    assert new_folder(str(tmp_path / "a" / "b")).is_dir()
    assert new_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    with pytest.raises(FirstlightError, match="not empty"):
        new_folder(tmp_path / "a")
    (tmp_path / "file").touch()
    with pytest.raises(FirstlightError, match="can't be used"):
        new_folder(tmp_path / "file")


@pytest.mark.usefixtures("links")
def test_each_file_takes_the_next_free_number(tmp_path):
    paths = [write_numbered(tmp_path / "new", "demo", 42, ".csv", text.encode()) for text in ("a", "b")]
    assert [p.name for p in paths] == ["demo-step000042-001.csv", "demo-step000042-002.csv"]
    assert [p.read_text() for p in paths] == ["a", "b"]


def test_a_folder_name_taken_by_a_file_is_reported(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(FirstlightError, match="taken can't be written"):
        write_numbered(tmp_path / "taken", "demo", 1, ".csv", b"")
