"""Compiles the C++ of the pretended GPU, once for these sources and this torch."""

import hashlib
import os
import runpy
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

SOURCES = Path(__file__).parent / "cpp"


class CannotPretend(Exception):
    """There can be no pretended GPU here; the message says why."""


def library() -> Path:
    """The compiled library, which is compiled if need be: about ten seconds.

    Raises:
        CannotPretend: there is no compiler, it fails, or torch is no build for the CPU.
    """
    found = runpy.run_path(str(_torch() / "version.py"))
    if found["cuda"] is not None or found["hip"] is not None:
        raise CannotPretend(f"a pretended GPU needs a torch for the CPU, found {found['__version__']}")
    files = [Path(__file__), *sorted(path for path in SOURCES.iterdir() if path.suffix in (".h", ".cpp"))]
    built_from = [found["__version__"].encode(), bytes(_torch()), *(path.read_bytes() for path in files)]
    key = hashlib.sha256(b"\0".join(built_from)).hexdigest()[:16]
    user = os.getuid() if hasattr(os, "getuid") else "user"
    path = Path(tempfile.gettempdir()) / f"firstlight-pretended-cuda-{user}" / f"{key}.so"
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _compile(path)
    return path


def _torch() -> Path:
    """torch's folder. It isn't imported: the library must be loaded before that."""
    spec = find_spec("torch")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def _compile(path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        raise CannotPretend("a pretended GPU is compiled with g++, which isn't installed: apt-get install g++")
    root = _torch()
    unfinished = path.with_suffix(f".{os.getpid()}")
    command = [compiler, "-std=c++20", "-O0", "-w", "-fPIC", "-shared", SOURCES / "device.cpp", "-o", unfinished]
    command += [f"-I{root}/include", f"-I{root}/include/torch/csrc/api/include"]
    command += [f"-L{root}/lib", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root}/lib"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotPretend(f"g++ can't compile the pretended GPU: {done.stderr[-2000:]}")
    unfinished.replace(path)  # others may compile it at the same time
