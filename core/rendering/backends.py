"""Chooses between two backends: Warp's kernels everywhere, or nerfacc's for what they cover on CUDA.

`auto` measures both once on a small fixed scene and remembers the faster one. Building nerfacc's kernels takes minutes,
so it happens only when they are asked for by name: until then `auto` is Warp.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch

from core.errors import BackendUnavailable
from core.files import recall, remember, user_folder
from core.kernels.nerfacc import build
from core.kernels.nerfacc.kernels import NerfaccKernels, proven
from core.kernels.runtime.backend import Backend, current, use
from core.kernels.runtime.device import why_not_cuda
from core.process import package_version
from core.rendering.backend_race import COURSE, Milliseconds, race

BackendChoice = Literal["auto", "warp", "nerfacc"]


class Nerfacc(NamedTuple):
    """What a choice needs to know about nerfacc, and can do with it.

    Attributes:
        key: names the machine, the versions and the course that a measurement is valid for.
        memory: the file that keeps measurements; it need not exist.
        is_built: whether its kernels are built.
        obstacle: why they can't be built, or None.
        build: builds them, which takes minutes.
        load: returns the built kernels.
        race: times both backends.
    """

    key: str
    memory: Path
    is_built: Callable[[], bool]
    obstacle: Callable[[], str | None]
    build: Callable[[], None]
    load: Callable[[], NerfaccKernels]
    race: Callable[[NerfaccKernels], Milliseconds]


def nerfacc_on_this_gpu() -> Nerfacc:
    """nerfacc on this machine's GPU."""
    versions = ", ".join(f"{name} {package_version(name)}" for name in ("nerfacc", "warp-lang"))
    return Nerfacc(
        key=f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {versions}, {COURSE}",
        memory=user_folder() / "backend.json",
        is_built=lambda: build.library().exists(),
        obstacle=build.obstacle,
        build=build.build,
        load=lambda: proven(NerfaccKernels(build.load())),
        race=race,
    )


def choose_backend(
    choice: BackendChoice, device: str, say: Callable[[str], None], nerfacc: Callable[[], Nerfacc] = nerfacc_on_this_gpu
) -> Backend:
    """Choose the kernels to march and sum with, and use them from now on.

    Args:
        device: as `choose_device` returns it.
        say: called with a message before anything slow.
        nerfacc: called on CUDA only.

    Raises:
        BackendUnavailable: nerfacc is asked for and can't run here.
        ValueError: there is no such choice.
    """
    if choice not in get_args(BackendChoice):
        raise ValueError(f"backend must be auto, warp or nerfacc, got {choice!r}")
    if choice == "nerfacc":
        chosen = _nerfacc_backend(device, say, nerfacc)
    elif choice == "warp":
        chosen = Backend("warp", "asked for")
    else:
        chosen = _faster_backend(device, say, nerfacc)
    use(chosen)
    return chosen


def _nerfacc_backend(device: str, say: Callable[[str], None], nerfacc: Callable[[], Nerfacc]) -> Backend:
    if device != "cuda":
        lack = why_not_cuda() or "the CPU was asked for"
        raise BackendUnavailable(f"backend nerfacc needs a CUDA device, but {lack}; or run with --backend warp")
    means = nerfacc()
    if not means.is_built():
        if (obstacle := means.obstacle()) is not None:
            raise BackendUnavailable(f"backend nerfacc was asked for, but {obstacle}; or run with --backend warp")
        say("building nerfacc's CUDA kernels: this takes some minutes, once for this torch and kind of GPU")
        means.build()
    return Backend("nerfacc", "asked for", means.load())


def _faster_backend(device: str, say: Callable[[str], None], nerfacc: Callable[[], Nerfacc]) -> Backend:
    if (lack := _why_only_warp(device, nerfacc)) is not None:
        return Backend("warp", lack)
    means = nerfacc()
    measured = _recall_timings(means)
    try:
        if measured is None:
            say("measuring Warp's and nerfacc's kernels, once for these versions on this GPU")
            measured = means.race(means.load())
            remember(means.memory, means.key, measured)
        if measured["nerfacc"] < measured["warp"]:
            return Backend("nerfacc", _timings_text(measured), means.load())
    except (BackendUnavailable, RuntimeError) as error:  # CUDA's errors are RuntimeErrors
        return Backend("warp", " ".join(str(error).split()))
    return Backend("warp", _timings_text(measured))


def predict_backend(device: str, nerfacc: Callable[[], Nerfacc] = nerfacc_on_this_gpu) -> tuple[str, str]:
    """What `auto` is going to choose, and why, without building or measuring anything."""
    if (lack := _why_only_warp(device, nerfacc)) is not None:
        return "warp", lack
    measured = _recall_timings(nerfacc())
    if measured is None:
        return "warp or nerfacc", "the next start measures both"
    return min(measured, key=lambda name: measured[name]), _timings_text(measured)


def describe_backend(device: str, why_cpu: str | None = None) -> str:
    """One line that says which kernels run where, and why.

    Args:
        device: as `choose_device` returns it.
        why_cpu: the reason for a CPU, if it isn't that no GPU can be used or that the CPU was asked for.
    """
    warp = f"Warp {package_version('warp-lang')}"
    if device == "cuda":
        backend, name = current(), torch.cuda.get_device_name()
        kernels = f"{warp} and nerfacc {package_version('nerfacc')}" if backend.name == "nerfacc" else warp
        return f"{kernels} on CUDA ({name}; {backend.reason})"
    if why_cpu is None and torch.version.cuda is None:
        why_cpu = "torch is built without CUDA"
    elif why_cpu is None:
        why_cpu = "no GPU can be used, see doctor" if why_not_cuda() else "the CPU was asked for"
    return f"{warp} on CPU ({why_cpu})"


def _why_only_warp(device: str, nerfacc: Callable[[], Nerfacc]) -> str | None:
    """Why `auto` has no choice but Warp; None if it has."""
    if device != "cuda":
        return "nerfacc has no kernels for the CPU"
    means = nerfacc()
    if means.is_built():
        return None
    return means.obstacle() or "nerfacc's kernels are not built: --backend nerfacc builds them"


def _timings_text(measured: Milliseconds) -> str:
    return f"measured here: Warp {measured['warp']:.2f} ms, nerfacc {measured['nerfacc']:.2f} ms"


def _recall_timings(means: Nerfacc) -> Milliseconds | None:
    """The times measured for this machine; None if there are none, or they can't be read."""
    known = recall(means.memory, means.key)
    if not isinstance(known, dict) or not all(isinstance(known.get(name), float) for name in ("warp", "nerfacc")):
        return None
    return {name: known[name] for name in ("warp", "nerfacc")}
