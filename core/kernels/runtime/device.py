"""Chooses the device that the engine runs on and explains the choice; `core.rendering.backends` chooses the kernels.

All devices share one kernel source: Warp compiles it for the CPU with its own LLVM and for CUDA with its own NVRTC, so
neither a compiler nor nvcc is needed.
"""

from functools import cache

import torch

from core.config.types import Precision
from core.errors import BackendUnavailable
from core.process import limited_to_avx2, peak_memory


def choose_device(name: str | None = None) -> str:
    """The device to run on: the requested one, by default a CUDA GPU if there is one and else the CPU.

    Args:
        name: "cpu", "cuda" or None.

    Raises:
        BackendUnavailable: CUDA is requested, and torch can't use a GPU.
        ValueError: any other name.
    """
    if name not in (None, "cpu", "cuda"):
        raise ValueError(f"device must be cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailable(f"device cuda was asked for, but {why_no_cuda()}; or run with --device cpu")
    return name or ("cuda" if torch.cuda.is_available() else "cpu")


def why_no_cuda() -> str:
    """Why torch has no CUDA device, and how to get one."""
    if torch.version.cuda is None:
        return (
            f"this torch ({torch.__version__}) is built without CUDA: install a CUDA build, see pytorch.org/get-started"
        )
    return (
        f"torch {torch.__version__} (CUDA {torch.version.cuda}) sees no GPU: look at nvidia-smi, "
        "and install a driver that serves this CUDA version"
    )


def fastest_precision(device: str) -> Precision:
    """bfloat16 where the device has native bfloat16 matrix products, else float32."""
    if device == "cuda":  # before Ampere torch emulates bfloat16, which is slower than float32
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if cpu_has("avx512_bf16") or cpu_has("amx_bf16") else "float32"


def cpu_has(*names: str) -> bool:
    """Whether the processor has all of these instructions, named as torch does: "avx512_bf16", "amx_tile".

    False for AVX-512 and AMX where the process is limited to AVX2.
    """
    known = _cpu_capabilities()
    return all(known.get(name, False) for name in names)


@cache
def _cpu_capabilities() -> dict[str, bool]:
    known = torch.cpu.get_capabilities()
    if limited_to_avx2():
        return {name: has and not name.startswith(("avx512", "amx")) for name, has in known.items()}
    return known


def peak_memory_mb(device: str) -> dict[str, float | None]:
    """Peak memory of this process in MB: `peak_memory_mb`, and on CUDA also `peak_gpu_memory_mb`.

    None where the system doesn't report it (Windows).
    """
    peak = {"peak_memory_mb": peak_memory()}
    if device == "cuda":
        peak["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated()
    return {name: None if value is None else value / 1e6 for name, value in peak.items()}
