import json

import pytest
import torch

from core.kernels.runtime.replaceable import is_replaced, replaced
from core.self_check import verdict
from core.self_check.cases import CASES
from core.self_check.supervise import GPU
from core.self_check.verdict import Verdict, examine, prove, remembered


def running(first, second=None):
    """Stands for `run_cases`: the faults of the first run and of the one with twins."""
    runs = []

    def run(device, names, others, tell):
        runs.append((list(names), list(others)))
        return first if len(runs) == 1 else second

    run.runs = runs
    return run


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A user's folder, and a GPU that is only named."""
    monkeypatch.setattr(verdict, "user_folder", lambda: tmp_path)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "RTX")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(verdict, "driver_version", lambda: "580.1")
    with replaced({}):
        yield tmp_path


def checks(monkeypatch, found):
    asked = []
    monkeypatch.setattr(verdict, "examine", lambda device, tell: asked.append(device) or found)
    return asked


def test_where_all_is_well_nothing_is_said():
    run = running({})
    assert examine("cuda:0", None, run) == Verdict() and Verdict().sentence == Verdict().note == ""
    assert run.runs == [([case.name for case in CASES], [])]


def test_a_wrong_kernel_with_a_twin_is_replaced_if_all_is_well_then():
    run = running({"hash grid": "3 of 9 numbers differ", "the whole path": "NaN"}, {})
    found = examine("cuda:0", None, run)
    assert (found.usable, found.replaced, found.operations()) == (True, ("hash grid",), ("hash_encode",))
    assert run.runs[1][1] == ["hash_encode"] and {"hash grid", "the whole path", "networks"} <= set(run.runs[1][0])
    assert "hash grid: 3 of 9 numbers differ" in found.sentence and "doctor --check" in found.sentence
    assert "\n" not in found.sentence and "the whole path" not in found.sentence


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"marches in rounds": "differ"}, None),  # which nothing can replace
        ({"networks": "differ"}, None),
        ({"hash grid": "differ"}, {"hash grid": "differ"}),
        ({"hash grid": "differ"}, {"the whole path": "differ"}),
        ({GPU: "did not start within 120 s"}, None),
        ({"pixels of photos": "raised", GPU: "4 processes ended early"}, None),
    ],
)
def test_what_nothing_can_replace_leaves_the_cpu(first, second):
    found = examine("cuda:0", None, running(first, second))
    assert not found.usable and found.replaced == ()
    assert "CPU computes everything" in found.sentence and next(iter(first)) in found.sentence
    assert "doctor" in found.note


def test_a_verdict_is_remembered_for_this_gpu_and_driver(gpu, monkeypatch):
    found = Verdict({"hash grid": "differ"}, ("hash grid",))
    asked = checks(monkeypatch, found)
    assert remembered() is None
    assert prove("cuda", None) == found == prove("cuda", None) == remembered()
    assert asked == ["cuda:1"] and is_replaced("hash_encode")
    monkeypatch.setattr(verdict, "driver_version", lambda: "581.0")
    prove("cuda", None)
    assert len(asked) == 2
    prove("cuda", None, again=True)
    assert len(asked) == 3


def test_too_little_memory_is_said_and_forgotten(gpu, monkeypatch):
    found = examine("cuda:0", None, running({"hash grid": "raised OutOfMemoryError: 2 MiB"}))
    assert not found.usable and "too little free memory" in found.sentence
    asked = checks(monkeypatch, found)
    prove("cuda", None)
    prove("cuda", None)
    assert len(asked) == 2 and remembered() is None


@pytest.mark.parametrize("kept", ["3", '{"faults": 3}', '{"faults": {"a": 1}}', '{"usable": "yes"}'])
def test_a_damaged_memory_is_checked_again(gpu, monkeypatch, kept):
    (gpu / verdict.MEMORY).write_text(json.dumps({verdict._key(): json.loads(kept)}))
    asked = checks(monkeypatch, Verdict())
    assert prove("cuda", None) == Verdict() and len(asked) == 1
