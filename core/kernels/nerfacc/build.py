"""Builds nerfacc's CUDA kernels from the sources in its package, once per torch version and GPU architecture, and loads
them.

nerfacc's own build on first use is not used: it waits forever for a lock that a killed build left behind, and its
sources don't compile as C++20. Here the compiler runs in a separate process with a time limit, on patched copies, and
the library is moved to the user's folder once it is complete.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from types import ModuleType

import torch

from core.errors import BackendUnavailable
from core.files import user_folder
from core.process import package_version

LONGEST_BUILD = 30 * 60.0
"""Seconds after which a build is abandoned; two slow cores take fifteen minutes."""

_MODULE = "nerfacc_cuda"

_CLASHES = {"lerp": "nerfacc_lerp"}
"""Names in nerfacc's sources that clash with C++20, and their replacements."""

_COMPILE = """
import sys
from torch.utils.cpp_extension import load
load(sys.argv[1], sys.argv[3:], ["-O3"], ["-O3"], build_directory=sys.argv[2])
"""


def library() -> Path:
    """The file for the kernels built for this torch, Python and GPU. Needs a CUDA device."""
    major, minor = torch.cuda.get_device_capability()
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    versions = f"{package_version('nerfacc')}-torch{torch.__version__}-{python}-sm{major}{minor}"
    return user_folder() / "nerfacc" / f"{_MODULE}-{versions}{'.pyd' if os.name == 'nt' else '.so'}"


def obstacle() -> str | None:
    """Why nerfacc's kernels can't be built here, and what to do about it; None if no obstacle is known."""
    if _sources() is None:
        return "nerfacc is not installed: pip install -r requirements.txt"
    wanted = (torch.version.cuda or "").partition(".")[0]
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        return f"there is no nvcc on the PATH to build nerfacc's kernels with: install the CUDA {wanted} toolkit"
    found = re.search(r"release (\d+)\.(\d+)", _output([nvcc, "--version"]))
    if found is None or found[1] != wanted:
        version = "of an unknown version" if found is None else f"of CUDA {found[1]}.{found[2]}"
        return (
            f"{nvcc} is {version}, and torch {torch.__version__} takes kernels of CUDA {wanted}: "
            f"put the nvcc of CUDA {wanted} first on the PATH"
        )
    if shutil.which("ninja") is None:
        return "there is no ninja on the PATH to build nerfacc's kernels with: pip install ninja"
    return None


def build(seconds: float = LONGEST_BUILD) -> None:
    """Compile the kernels into the file `library()`, which takes minutes.

    Raises:
        BackendUnavailable: nerfacc is missing, the compiler failed (the message has its first error), or it took longer
            than `seconds`.
    """
    target, sources = library(), _sources()
    if sources is None:
        raise BackendUnavailable("nerfacc is not installed: pip install -r requirements.txt")
    with tempfile.TemporaryDirectory(prefix="firstlight-nerfacc-") as folder:
        files, out, log = _patched_copies(sources, Path(folder)), Path(folder) / "out", Path(folder) / "log"
        out.mkdir()
        code = _run([sys.executable, "-c", _COMPILE, _MODULE, str(out), *files], log, seconds)
        if code is None:
            raise BackendUnavailable(
                f"building nerfacc's kernels was given up after {seconds / 60:.0f} minutes: run with --backend warp"
            )
        built = out / (_MODULE + target.suffix)
        if code != 0 or not built.exists():
            reason = first_error(log.read_text(encoding="utf-8", errors="replace"))
            raise BackendUnavailable(f"nerfacc's kernels could not be built ({reason}): run with --backend warp")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        shutil.copyfile(built, partial)  # the temporary folder may be on another disk
        partial.replace(target)


def load() -> ModuleType:
    """The extension module with the kernels that were built.

    Raises:
        BackendUnavailable: it does not load.
    """
    path = library()
    try:
        loader = ExtensionFileLoader(_MODULE, str(path))
        module = importlib.util.module_from_spec(ModuleSpec(_MODULE, loader, origin=str(path)))
        loader.exec_module(module)
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise BackendUnavailable(f"{path} does not load ({reason}): delete it, and it is built again") from error
    return module


def first_error(log: str) -> str:
    """The first error line of a compiler's output, or its last line if there is none."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror( C\d+)?:|\bfatal\s*:", line)]
    return (errors or lines[-1:] or ["no message"])[0][:300]


def _run(command: list[str], log: Path, seconds: float) -> int | None:
    """A command's exit code, or None if it times out. Its processes are ended however this returns."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, env=_environment(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:  # ninja ends its compilers on SIGTERM, but not on SIGKILL
                os.killpg(process.pid, signal.SIGTERM) if hasattr(os, "killpg") else process.kill()


def _sources() -> Path | None:
    """The folder of nerfacc's CUDA sources."""
    spec = importlib.util.find_spec("nerfacc")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "cuda" / "csrc"


def _patched_copies(sources: Path, folder: Path) -> list[str]:
    """Copies nerfacc's sources, patched so that they compile; returns the files to compile."""
    copies = Path(shutil.copytree(sources, folder / "csrc"))
    files = [path for path in copies.rglob("*") if path.is_file()]
    for path in files:
        text = path.read_text(encoding="utf-8")
        for name, other in _CLASHES.items():
            text = re.sub(rf"\b{name}\b", other, text)
        path.write_text(text, encoding="utf-8")
    return sorted(str(path) for path in files if path.suffix in (".cu", ".cpp"))


def _environment() -> dict[str, str]:
    """The compiler's environment: the toolkit that nvcc belongs to, and the headers of torch's CUDA packages."""
    environment = dict(os.environ)
    top = re.search(r"TOP=(.+)", _output(["nvcc", "--dryrun", "-c", "-x", "cu", os.devnull]))
    if top is not None:  # torch looks next to nvcc, but that may be a link or a script outside the toolkit
        environment.setdefault("CUDA_HOME", os.path.normpath(top[1].strip().strip('"')))
    headers = sorted(str(path) for path in Path(torch.__file__).parents[1].glob("nvidia/*/include"))
    known = environment.get("CPLUS_INCLUDE_PATH")
    environment["CPLUS_INCLUDE_PATH"] = os.pathsep.join([*([known] if known else []), *headers])
    major, minor = torch.cuda.get_device_capability()
    environment["TORCH_CUDA_ARCH_LIST"] = f"{major}.{minor}"
    return environment


def _output(command: list[str]) -> str:
    """A command's output and errors, "" if it doesn't run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr
