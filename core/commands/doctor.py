"""Examines this machine: what Firstlight runs on, what is missing, and what to do about it.

Torch and Warp may be missing, so nothing that imports them is imported before they are checked.
"""

import os
import platform
import re
import socket
import sys
from pathlib import Path
from typing import NamedTuple

from core.errors import FirstlightError
from core.process import package_version

_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"
_OLDEST_PYTHON = (3, 11)
_LITTLE_MEMORY = 2e9


class Diagnosis(NamedTuple):
    """One fact. `advice` says what to do about a problem, "" if there is none; `fatal`: nothing works until it is
    solved."""

    name: str
    value: str
    advice: str = ""
    fatal: bool = False


def examine(check: bool = False) -> list[Diagnosis]:
    """Everything worth knowing when something doesn't work.

    Args:
        check: check a GPU's kernels too, even if they were checked before.
    """
    return [_python(), *_packages(), *_engine(check), _display()]


def lines(findings: list[Diagnosis]) -> list[str]:
    """The findings as text; a problem is marked and its advice follows on a line of its own."""
    width = max(len(finding.name) for finding in findings)
    text = []
    for finding in findings:
        text.append(f"{'!' if finding.advice else ' '} {finding.name:<{width}}  {finding.value}")
        if finding.advice:
            text.append(f"  {'':<{width}}  -> {finding.advice}")
    return text


def display_problem() -> str | None:
    """Why no window can be opened here, or None. Only X11 can be checked without opening one."""
    if not sys.platform.startswith("linux"):
        return None
    display = os.environ.get("DISPLAY", "")
    if not display:
        return "there is no display: DISPLAY is not set"
    match = re.fullmatch(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?", display)
    if match is None:
        return f"there is no display: DISPLAY is {display!r}, expected something like :0"
    if not _answers(match["host"], int(match["number"])):
        return f"there is no display: no X server answers at DISPLAY {display}"
    return None


def require_display(dataset: str = "DATASET") -> None:
    """Raise FirstlightError if no window can be opened here: Dear PyGui would abort the process.

    Args:
        dataset: what the message advises to train without a window.
    """
    if (problem := display_problem()) is not None:
        raise FirstlightError(
            f"{problem}. Start this from a desktop, or train without a window: "
            f"run_viewer.py train {dataset} --seconds 60 --output DIR"
        )


def _answers(host: str, number: int) -> bool:
    """Whether an X server listens: on its local socket, or for a named host on its TCP port."""
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        tries = [(socket.AF_UNIX, path), (socket.AF_UNIX, f"\0{path}")]
    else:
        tries = [(socket.AF_INET, (host, 6000 + number))]
    for family, address in tries:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            try:
                client.connect(address)
                return True
            except OSError:
                continue
    return False


def _python() -> Diagnosis:
    old = sys.version_info < _OLDEST_PYTHON
    wanted = ".".join(str(part) for part in _OLDEST_PYTHON)
    return Diagnosis(
        "Python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        f"install Python {wanted} or newer" if old else "",
        fatal=old,
    )


def _packages() -> list[Diagnosis]:
    """The installed version of each package of requirements.txt."""
    findings = []
    for line in _REQUIREMENTS.read_text().splitlines():
        package, _, platforms = (part.strip() for part in line.partition(";"))
        name, _, wanted = package.partition("==")
        found = package_version(name)
        advice = ""
        if found is None:
            advice = f"pip install {package}" + (f" (made for {platforms} only)" if platforms else "")
        elif found.partition("+")[0] != wanted:
            advice = f"Firstlight is tested with {wanted}: pip install {package}"
        findings.append(Diagnosis(name, found or "not installed", advice, fatal=found is None and not platforms))
    return findings


def _engine(check: bool) -> list[Diagnosis]:
    """What only torch and Warp know; if they or the picture reader fail to import, why."""
    try:
        import core.datasets.loading.image_file
        import core.kernels.runtime.launch  # noqa: F401
    except (ImportError, OSError) as error:
        reason, advice = " ".join(str(error).split()), f"pip install -r {_REQUIREMENTS}"
        return [Diagnosis("engine", f"does not load: {reason}", advice, fatal=True)]
    return [_device(), *_presets(), *_other_gpus(), *_self_check(check), _kernels(), _backend(), _memory()]


def _device() -> Diagnosis:
    import torch

    from core.kernels.runtime.device import choose_device, why_not_cuda
    from core.kernels.runtime.launch import n_threads

    if choose_device() == "cpu":
        return Diagnosis("device", f"CPU, {n_threads()} threads", f"for a GPU: {why_not_cuda()}")
    free, total = torch.cuda.mem_get_info()
    n_gpus = torch.cuda.device_count()
    which = f", cuda:{torch.cuda.current_device()} of {n_gpus}: the one with the most free memory" if n_gpus > 1 else ""
    return Diagnosis("device", f"{torch.cuda.get_device_name()}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free{which}")


def _presets() -> list[Diagnosis]:
    """What a GPU's free memory allows."""
    from core.config.presets import gpu_sizes
    from core.kernels.runtime.device import choose_device, memory_for_presets

    if (device := choose_device()) == "cpu":
        return []
    sizes = gpu_sizes(memory_for_presets(device))
    text = f"tables of 2^{sizes.log2_hashmap_size} entries, batches of {sizes.target_samples:,} samples"
    return [Diagnosis("presets", f"{text} for this free memory; pictures in chunks that fit")]


def _other_gpus() -> list[Diagnosis]:
    from core.kernels.runtime.obstacles import other_gpus

    found = other_gpus()
    return [] if found is None else [Diagnosis("other GPU", found)]


def _self_check(check: bool) -> list[Diagnosis]:
    """What is known of a GPU's kernels, or what a check finds now."""
    from rich.console import Console

    from core.commands.progress import Bar, progress_bars
    from core.kernels.runtime.device import choose_device

    if choose_device() == "cpu":
        return []
    from core.self_check.verdict import prove, remembered

    if check:
        with progress_bars(Console(stderr=True)) as bars:
            verdict = prove("cuda", Bar(bars, "checking the GPU").update, again=True)
    else:
        verdict = remembered()
    if verdict is None:
        return [Diagnosis("self-check", "not done yet: the next start does it, or doctor --check")]
    if not verdict.faults:
        return [Diagnosis("self-check", "GPU and CPU agree")]
    faults = "; ".join(f"{name}: {fault}" for name, fault in verdict.faults.items())
    return [Diagnosis("self-check", faults, verdict.sentence)]


def _used_device() -> str:
    """The device that a start uses: not a GPU that is known to fail, whose kernels may hang."""
    from core.kernels.runtime.device import choose_device

    if (device := choose_device()) == "cpu":
        return device
    from core.self_check.verdict import remembered

    verdict = remembered()
    return device if verdict is None or verdict.usable else "cpu"


def _kernels() -> Diagnosis:
    """Runs one kernel, since only that proves that Warp works here."""
    import torch

    from core.rendering.backends import describe_backend

    device = _used_device()
    try:
        from core.kernels.packed import accumulate_along_rays

        packed_info = torch.tensor([[0, 2]], dtype=torch.int32, device=device)
        sums = accumulate_along_rays(torch.ones(2, device=device), torch.ones(2, 1, device=device), packed_info)
        if float(sums) != 2.0:
            raise FirstlightError(f"a sum of two ones gave {float(sums)}")
    except Exception as error:
        reason = " ".join(str(error).split())
        advice = "pip install --force-reinstall warp-lang"
        if device == "cuda":
            advice = "run_viewer.py doctor --check says which ones; --device cpu does without the GPU"
        return Diagnosis("kernels", f"fail: {reason}", advice, fatal=True)
    return Diagnosis("kernels", describe_backend(device))


def _backend() -> Diagnosis:
    """What `--backend auto` is going to choose. Nothing is built or measured for it."""
    from core.rendering.backends import predict_backend

    name, reason = predict_backend(_used_device())
    return Diagnosis("backend", f"auto is {name}: {reason}")


def _display() -> Diagnosis:
    problem = display_problem()
    if problem is None:
        return Diagnosis("display", os.environ.get("DISPLAY", "") or "there")
    return Diagnosis("display", problem, "start from a desktop for the window; train, render and check work without")


def _memory() -> Diagnosis:
    from core.datasets.loading.memory import free_memory

    free = free_memory()
    if free is None:
        return Diagnosis("free memory", "unknown")
    advice = "close other programs, or use --downscale" if free < _LITTLE_MEMORY else ""
    return Diagnosis("free memory", f"{free / 1e9:.1f} GB", advice)
