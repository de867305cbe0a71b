"""Building nerfacc's kernels: obstacles are named, and a build that fails or hangs leaves nothing behind."""

import sys
import time
from pathlib import Path

import pytest
import torch

from core.errors import BackendUnavailable
from core.kernels.nerfacc import build


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """Let torch report a GPU, and use a temporary user folder; returns the path of the kernels."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(build, "user_folder", lambda: tmp_path / "user")
    return build.library()


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """An empty PATH; returns a function that puts a program on it which prints a text."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name, text=""):
        (folder / name).write_text(f"#!/bin/sh\necho '{text}'\n")
        (folder / name).chmod(0o755)

    return put


@pytest.mark.skipif(sys.platform == "win32", reason="needs scripts with a shebang")
def test_an_obstacle_is_named_with_a_remedy(gpu, tools):
    assert "install the CUDA 13 toolkit" in build.obstacle()
    tools("nvcc", "Cuda compilation tools, release 12.4, V12.4.99")
    assert "is of CUDA 12.4" in build.obstacle() and "nvcc of CUDA 13" in build.obstacle()
    tools("nvcc", "nonsense")
    assert "of an unknown version" in build.obstacle()
    tools("nvcc", "Cuda compilation tools, release 13.0, V13.0.88")
    assert "pip install ninja" in build.obstacle()
    tools("ninja")
    assert build.obstacle() is None


def test_kernels_for_different_targets_are_kept_apart(gpu, monkeypatch):
    assert "sm90" in gpu.name and torch.__version__ in gpu.name
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 6))
    assert build.library() != gpu


def test_the_sources_are_nerfaccs_without_clashing_names(gpu, monkeypatch):
    check = """
import pathlib, re, sys
out, sources = pathlib.Path(sys.argv[2]), [pathlib.Path(x) for x in sys.argv[3:]]
assert {"grid.cu", "scan.cu", "nerfacc.cpp"} <= {x.name for x in sources}
headers = sources[0].parent / "include"
assert not re.search(r"\\blerp\\b", (headers / "utils_math.cuh").read_text())
(out / (sys.argv[1] + SUFFIX)).write_bytes(b"kernels")
"""
    monkeypatch.setattr(build, "_COMPILE", check.replace("SUFFIX", repr(gpu.suffix)))
    build.build(60.0)
    assert gpu.read_bytes() == b"kernels" and [x.name for x in gpu.parent.iterdir()] == [gpu.name]
    with pytest.raises(BackendUnavailable, match=r"does not load.*delete it"):
        build.load()


def test_a_failed_build_reports_the_compilers_first_error(gpu, monkeypatch):
    fail = "import sys; print('grid.cu(7): warning: odd'); sys.exit('grid.cu(8): error: no such type')"
    monkeypatch.setattr(build, "_COMPILE", fail)
    with pytest.raises(BackendUnavailable, match=r"\(grid.cu\(8\): error: no such type\): run with --backend warp"):
        build.build(60.0)
    assert not gpu.parent.exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux, to list processes")
def test_a_build_that_takes_too_long_is_ended_with_all_its_processes(gpu, monkeypatch, tmp_path):
    started = tmp_path / "started"
    hang = f"""
import pathlib, subprocess, sys, time
compiler = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(started)!r}).write_text(str(compiler.pid))
time.sleep(600)
"""
    monkeypatch.setattr(build, "_COMPILE", hang)
    waits = []
    real = build.subprocess.Popen.wait

    def wait(process, timeout=None):
        if timeout == 1234.0 and not waits:  # time out as soon as the compiler runs
            waits.append(timeout)
            while not started.exists() or not started.read_text():
                time.sleep(0.01)
            raise build.subprocess.TimeoutExpired("compile", timeout)
        return real(process, timeout)

    monkeypatch.setattr(build.subprocess.Popen, "wait", wait)
    with pytest.raises(BackendUnavailable, match="given up after 21 minutes"):
        build.build(1234.0)
    tries = 0
    while _runs(started.read_text()):
        tries += 1
        assert tries < 3000, "the compiler is still running"
        time.sleep(0.01)


def _runs(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("a\nx.cu:3:5: fatal error: cublas_v2.h: No such file\nninja: build stopped: x failed.", "cublas_v2.h"),
        ("x.cpp(4): error C2065: undeclared\nlast", "C2065"),
        ("nvcc fatal   : Unsupported gpu architecture 'compute_35'\nlast", "Unsupported"),
        ("warning: -Werror is odd\nRuntimeError: the last line", "the last line"),
        ("", "no message"),
    ],
)
def test_the_first_error_is_found(log, line):
    assert line in build.first_error(log)
