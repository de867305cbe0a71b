from typing import NamedTuple

import pytest

from core.datasets.loading import memory
from core.datasets.loading.memory import find_downscale, free_memory, n_readers


class Picture(NamedTuple):
    width: int
    height: int


PICTURES = [Picture(400, 300), Picture(300, 400), Picture(641, 480)]


def needed(downscale: int) -> int:
    return 3 * sum((p.width // downscale) * (p.height // downscale) for p in PICTURES)


@pytest.fixture
def free(monkeypatch):
    """Sets how much memory is free."""
    return lambda n_bytes: monkeypatch.setattr(memory, "free_memory", lambda: n_bytes)


@pytest.mark.parametrize("requested", [1, 2, 3])
@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_the_factor_is_the_smallest_that_fits(free, requested, factor):
    free(needed(requested * factor) / memory._SHARE + 1.0)
    assert find_downscale(PICTURES, 3, requested)[0] == requested * factor
    free(needed(requested * factor) / memory._SHARE - 1.0)
    assert find_downscale(PICTURES, 3, requested)[0] > requested * factor


def test_images_that_fit_get_no_note(free):
    free(1e12)
    assert find_downscale(PICTURES, 3, 2) == (2, ())


def test_the_note_says_what_is_needed_and_free_and_what_was_done(free):
    free(12e9)
    factor, (note,) = find_downscale([Picture(4000, 3000)] * 860, 3, 1)
    assert factor == 2
    assert "need 31 GB, 12 GB are free: they are read reduced by 2, as with --downscale 2" in note


def test_each_image_keeps_a_pixel_however_little_is_free(free):
    free(0)
    assert find_downscale([*PICTURES, Picture(5, 90)], 3, 2)[0] == 4
    assert find_downscale([Picture(1, 1)], 3, 1) == (1, ())
    assert find_downscale(PICTURES, 3, 1000) == (1000, ())


def test_if_free_memory_is_unknown_everything_fits(free):
    free(None)
    assert find_downscale(PICTURES, 10**12, 1) == (1, ())
    assert 1 <= n_readers(PICTURES) <= 8


def test_free_memory_is_plausible():
    free = free_memory()
    assert free is None or 1e6 < free < 1e15


def test_a_containers_limit_is_respected(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_free_of_machine", lambda: 1000)
    assert free_memory() == 1000, "no such group"
    for name, text in (
        ("memory.max", "500\n"),
        ("memory.current", "450\n"),
        ("memory.stat", "anon 9\ninactive_file 30\n"),
    ):
        (tmp_path / name).write_text(text)
    assert free_memory() == 80
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() == 1000, "no limit"


def test_the_number_of_readers_follows_free_memory(free, monkeypatch):
    monkeypatch.setattr(memory.os, "cpu_count", lambda: 32)
    pictures = [Picture(10_000, 10_000)] * 50
    counts = []
    for gigabytes in (0, 4, 16, 400):
        free(gigabytes * 10**9)
        counts.append(n_readers(pictures))
    assert counts == sorted(counts) and (counts[0], counts[-1]) == (2, 8)
    assert n_readers(pictures[:1]) == 1
    assert n_readers([]) == 1
