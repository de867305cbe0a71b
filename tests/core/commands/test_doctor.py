import socket

import pytest

from core.commands import doctor
from core.errors import FirstlightError


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr("core.commands.doctor.sys.platform", "linux")


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_it_examines_everything_and_finds_nothing_fatal_here():
    findings = by_name(doctor.examine())
    assert {"Python", "torch", "warp-lang", "nerfacc", "device", "kernels", "display", "free memory"} <= findings.keys()
    assert not [finding for finding in findings.values() if finding.fatal]
    assert "Warp" in findings["kernels"].value


def test_every_problem_comes_with_advice():
    text = doctor.lines([doctor.Diagnosis("a", "fine"), doctor.Diagnosis("bc", "missing", "install it")])
    assert text == ["  a   fine", "! bc  missing", "      -> install it"]


def test_a_missing_package_is_fatal_and_another_version_is_not(monkeypatch):
    versions = {"torch": None, "numpy": "1.0", "pycolmap": None}
    real = doctor.package_version
    monkeypatch.setattr(doctor, "package_version", lambda name: versions.get(name, real(name)))
    findings = by_name(doctor.examine())
    assert findings["pycolmap"].advice and not findings["pycolmap"].fatal  # there is none for some platforms
    assert findings["torch"].fatal and "pip install torch==" in findings["torch"].advice
    assert findings["numpy"].advice and not findings["numpy"].fatal


def test_a_local_build_of_the_pinned_version_is_no_problem(monkeypatch):
    lines = doctor._REQUIREMENTS.read_text().splitlines()
    pinned = dict(line.partition(";")[0].split("==") for line in lines)
    monkeypatch.setattr(doctor, "package_version", lambda name: pinned[name] + "+cu128")
    assert not any(finding.advice for finding in doctor._packages())


def test_failing_kernels_are_fatal(monkeypatch):
    monkeypatch.setattr("core.kernels.packed.accumulate_along_rays", lambda *_: 1 / 0)
    finding = doctor._kernels()
    assert finding.fatal and finding.advice and "division" in finding.value


@pytest.mark.parametrize("display", ["", "nonsense", ":54321", "localhost:54321.0"])
def test_a_missing_display_is_a_problem(linux, monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    problem = doctor.display_problem()
    assert "DISPLAY" in problem
    assert display in problem


def test_a_window_without_a_display_is_refused_with_advice(linux, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(FirstlightError, match=r"DISPLAY is not set.*run_viewer\.py train my/scene --seconds"):
        doctor.require_display("my/scene")


def test_a_display_that_answers_is_no_problem(linux, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        for number in range(500, 600):
            try:
                server.bind(("127.0.0.1", 6000 + number))
                break
            except OSError:
                continue
        server.listen()
        monkeypatch.setenv("DISPLAY", f"127.0.0.1:{number}.0")
        assert doctor.display_problem() is None


def test_other_systems_need_no_x_server(monkeypatch):
    monkeypatch.setattr("core.commands.doctor.sys.platform", "darwin")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert doctor.display_problem() is None
