"""Chooses the device that the engine runs on and explains the choice; `core.rendering.backends` chooses the kernels.

All devices share one kernel source: Warp compiles it for the CPU with its own LLVM and for CUDA with its own NVRTC, so
neither a compiler nor nvcc is needed.
"""

import math
import platform
import re
from functools import cache

import torch

from core.config.types import Precision
from core.errors import BackendUnavailable
from core.kernels.runtime.gpu_memory import most_in_use
from core.kernels.runtime.obstacles import why_no_cuda, why_not_this_gpu
from core.process import limited_to_avx2, peak_memory

_INSTRUCTIONS = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 with bfloat16", "avx512_f": "AVX-512", "avx2": "AVX2"}
"""Instruction sets from the widest on, as torch names them and in words."""

_gpu: int | None = None
"""The GPU that "cuda" means, as torch counts them; None until one is chosen."""


def choose_device(name: str | None = None) -> str:
    """The device to run on: the requested one, by default a CUDA GPU if there is one and else the CPU.

    Of several GPUs it takes the one with the most free memory, unless one is named. From then on "cuda" means that GPU,
    here and in torch's functions in the calling thread; other threads call `use_chosen_gpu`.

    Args:
        name: "cpu", "cuda", "cuda:1" for one of several GPUs, or None.

    Returns:
        "cpu" or "cuda".

    Raises:
        BackendUnavailable: CUDA is requested, and torch or Warp can't use the GPU.
        ValueError: any other name.
    """
    global _gpu
    asked = re.fullmatch(r"cpu|cuda(?::(\d+))?", name or "cuda")
    if asked is None:
        raise ValueError(f"device must be cpu, cuda or the number of a GPU as in cuda:1, got {name!r}")
    if name == "cpu" or (name == "cuda" and _gpu is not None):
        use_chosen_gpu(name)
        return name
    try:
        _gpu = _choose_gpu(None if asked[1] is None else int(asked[1]))
    except BackendUnavailable as obstacle:
        if name is None:
            return "cpu"
        raise BackendUnavailable(f"device {name} was asked for, but {obstacle}; or run with --device cpu") from obstacle
    use_chosen_gpu("cuda")
    return "cuda"


def use_chosen_gpu(device: str) -> None:
    """Let "cuda" mean the chosen GPU in the calling thread: torch keeps the current GPU by thread."""
    if device == "cuda" and _gpu is not None:
        torch.cuda.set_device(_gpu)


def gpu_is_lost(error: Exception) -> bool:
    """Whether an error says that the GPU no longer answers: after some errors CUDA refuses everything to a process."""
    if "CUDA" not in str(error) or isinstance(error, torch.OutOfMemoryError):
        return False
    try:
        torch.zeros(1, device="cuda").cpu()
    except torch.OutOfMemoryError:
        return False
    except RuntimeError:
        return True
    return False


def why_not_cuda() -> str | None:
    """Why no GPU here can be used, and what to do; None if one can."""
    try:
        _choose_gpu(None)
    except BackendUnavailable as obstacle:
        return str(obstacle)
    return None


def _choose_gpu(asked: int | None) -> int:
    """The GPU to use, as torch counts them.

    Raises:
        BackendUnavailable: none can be used, or not the one that was asked for; the message says why.
    """
    if (lack := why_no_cuda()) is not None:
        raise BackendUnavailable(lack)
    n_gpus = torch.cuda.device_count()
    if asked is not None and asked >= n_gpus:
        raise BackendUnavailable(f"this machine has {n_gpus} GPUs, which count from cuda:0 to cuda:{n_gpus - 1}")
    lacks = {i: why_not_this_gpu(i) for i in (range(n_gpus) if asked is None else [asked])}
    served = [i for i, lack in lacks.items() if lack is None]
    if not served:
        raise BackendUnavailable("; ".join(lack for lack in lacks.values() if lack))
    # asking for the memory of a GPU starts CUDA on it, which takes some: a single one isn't asked
    return served[0] if len(served) == 1 else max(served, key=lambda i: torch.cuda.mem_get_info(i)[0])


def fastest_precision(device: str) -> Precision:
    """bfloat16 where the device has native bfloat16 matrix products, else float32."""
    if device == "cuda":  # before Ampere torch emulates bfloat16, which is slower than float32
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if cpu_has("avx512_bf16") or cpu_has("amx_bf16") else "float32"


@cache
def memory_for_presets(device: str) -> float:
    """Free bytes of the GPU when this was asked first: presets stay the same as its memory fills. Infinite for a CPU,
    whose presets need little."""
    return math.inf if device == "cpu" else torch.cuda.mem_get_info()[0]


def cpu_has(*names: str) -> bool:
    """Whether the processor has all of these instructions, named as torch does: "avx512_bf16", "amx_tile".

    False for AVX-512 and AMX where the process is limited to AVX2.
    """
    known = _cpu_capabilities()
    return all(known.get(name, False) for name in names)


def processor() -> str:
    """The processor's name, and the widest vectors of it that kernels use: "AMD EPYC, AVX2"."""
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.processor() or "unknown processor"
    instructions = next((words for key, words in _INSTRUCTIONS.items() if cpu_has(key)), "")
    if not instructions:
        instructions = "NEON" if platform.machine().lower() in ("aarch64", "arm64") else platform.machine()
    return f"{name}, {instructions}{' by FIRSTLIGHT_INSTRUCTIONS' if limited_to_avx2() else ''}"


@cache
def _cpu_capabilities() -> dict[str, bool]:
    known = dict(torch.cpu.get_capabilities())
    if limited_to_avx2():
        return {name: has and not name.startswith(("avx512", "amx")) for name, has in known.items()}
    return known


def peak_memory_mb(device: str) -> dict[str, float | None]:
    """Peak memory of this process in MB: `peak_memory_mb`, and on CUDA also `peak_gpu_memory_mb`.

    None where the system doesn't report it (Windows).
    """
    peak = {"peak_memory_mb": peak_memory()}
    if device == "cuda":
        peak["peak_gpu_memory_mb"] = most_in_use(device)
    return {name: None if value is None else value / 1e6 for name, value in peak.items()}
