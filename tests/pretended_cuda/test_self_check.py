"""The self-check on the pretended GPU, sound and broken in several ways."""

import sys

import pytest

from core.commands import doctor
from core.kernels.runtime import launch as launching
from core.self_check import child, path_cases, verdict
from core.self_check.cases import CASES
from core.self_check.engine import ready_engine
from core.self_check.supervise import Limits, run_cases
from core.self_check.verdict import examine
from tests.pretended_cuda.broken_check import WAYS

pytestmark = pytest.mark.usefixtures("small_tables")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_agrees_with_the_cpu(case):
    assert case.fault(case.compute("cpu"), case.compute("cuda")) is None


@pytest.fixture
def here(monkeypatch):
    """Breaks the GPU in a way, and stands for `run_cases`, in this process."""
    told = []
    monkeypatch.setattr(child, "_tell", told.append)
    monkeypatch.setattr(launching, "_record", launching._record)
    monkeypatch.setattr(launching, "_here", launching._Here())  # recorded launches are spoiled
    monkeypatch.setattr(path_cases, "trace_rays", path_cases.trace_rays)

    def broken(way, *names):
        WAYS[way]()
        monkeypatch.setattr(verdict, "CASES", [case for case in CASES if case.name in names])
        return run

    def run(device, names, replaced, tell):
        told.clear()
        for name in names:
            child.check(device, [name], replaced)
        return {event["case"]: event["fault"] for event in told if event.get("fault")}

    return broken


@pytest.mark.parametrize(
    ("way", "case", "fault"),
    [
        ("wrong values", "hash grid", "numbers differ from the CPU's, by up to"),
        ("wrong gradient", "hash grid of four features", "numbers differ from the CPU's"),
        ("NaN", "directions", "numbers are NaN or infinite"),
        ("raises", "sums along rays", "raised RuntimeError: Warp CUDA error 719"),
        ("not compiled", "views' marches in one launch", "raised RuntimeError: NVRTC compilation failed"),
    ],
)
def test_a_broken_kernel_with_a_twin_is_replaced_on_the_gpu(here, way, case, fault):
    found = examine("cuda", None, here(way, case, "the whole path"))
    assert found.usable and found.replaced == (case,)
    assert fault in found.faults[case]


@pytest.mark.parametrize(
    ("way", "case", "fault"),
    [
        ("marches wrong", "marches in rounds", "numbers differ"),
        ("torch wrong", "the whole path", "numbers differ"),
    ],
)
def test_what_has_no_twin_leaves_the_cpu(here, way, case, fault):
    found = examine("cuda", None, here(way, case))
    assert not found.usable and fault in found.faults[case]


def test_a_process_that_crashes_is_survived():
    command = (sys.executable, "-m", "tests.pretended_cuda.broken_check", "crashes")
    faults = run_cases("cuda", ["rays of cameras"], (), lambda share, text: None, Limits(), command)
    assert faults == {"rays of cameras": "the process was ended by signal 11"}


def test_a_gpu_that_fails_gives_way_to_the_cpu_and_a_trusted_one_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr(verdict, "user_folder", lambda: tmp_path)
    monkeypatch.setattr(verdict, "examine", lambda *_: verdict.Verdict({"networks": "NaN"}, usable=False))
    said = []
    engine = ready_engine("cuda", "warp", True, lambda: None, said.append)
    assert (engine.device, engine.verdict.usable, engine.is_new) == ("cpu", False, True)
    assert not ready_engine("cuda", "warp", True, lambda: None, said.append).is_new
    assert ready_engine("cuda", "warp", False, lambda: None, said.append).device == "cuda"


def test_doctor_shows_what_is_known_and_checks_again_when_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(verdict, "user_folder", lambda: tmp_path)
    monkeypatch.setattr(verdict, "examine", lambda *_: verdict.Verdict({"networks": "NaN"}, usable=False))

    def found(check):
        return {finding.name: finding for finding in doctor.examine(check)}

    assert "not done yet" in found(False)["self-check"].value
    for check in (True, False):
        finding = found(check)["self-check"]
        assert finding.value == "networks: NaN" and "CPU computes everything" in finding.advice
    assert "tables of 2^19 entries, batches of 262,144 samples" in found(False)["presets"].value
