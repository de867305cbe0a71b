"""Why a GPU can't be used here, and what to do about it: torch and Warp both have to serve it.

Warp's kernels are compiled by the CUDA toolkit inside its wheel, which needs a newer GPU and driver than some builds of
torch do.
"""

import ctypes
import platform
import sys
from functools import cache

import torch
import warp as wp

from core.kernels.runtime.launch import start_warp

OLDEST_DRIVER = "580"
"""The first of NVIDIA's drivers that serves CUDA 13, which torch's and Warp's wheels are built with."""

_OLDEST_CARDS = "GTX 16, RTX 20"
"""The first cards that CUDA 13 serves, of compute capability 7.5."""


def why_no_cuda() -> str | None:
    """Why neither torch nor Warp has any GPU to compute on, and what to do; None if both have one."""
    if torch.version.hip:
        return f"this torch ({torch.__version__}) is built for AMD's GPUs (ROCm), for which Warp has no kernels"
    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) is built without CUDA{_how_to_get_cuda()}"
    start_warp()
    driver, toolkit = wp.get_cuda_driver_version(), wp.get_cuda_toolkit_version()
    if driver is not None and toolkit is not None and driver[0] < toolkit[0]:
        return (
            f"the NVIDIA driver serves CUDA {_dotted(driver)}, and the kernels need CUDA {toolkit[0]}: "
            f"install driver {OLDEST_DRIVER} or newer"
        )
    if not torch.cuda.is_available():
        return (
            f"torch {torch.__version__} (CUDA {torch.version.cuda}) sees no GPU: look at nvidia-smi, "
            f"and install NVIDIA's driver {OLDEST_DRIVER} or newer"
        )
    if not wp.is_cuda_available():
        return f"torch sees a GPU, but Warp finds none: look at nvidia-smi, and install driver {OLDEST_DRIVER} or newer"
    return None


def why_not_this_gpu(index: int) -> str | None:
    """Why Warp's kernels can't run on one of torch's GPUs; None if they can."""
    capability, oldest = torch.cuda.get_device_capability(index), _oldest_capability()
    if capability >= oldest:
        return None
    return (
        f"{torch.cuda.get_device_name(index)} has compute capability {_dotted(capability)}, and the kernels need "
        f"{_dotted(oldest)} ({_OLDEST_CARDS}) or newer"
    )


def driver_version() -> str:
    """The version of NVIDIA's driver, or at least which CUDA it serves; "" without one."""
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        version = ctypes.create_string_buffer(96)
        if nvml.nvmlInit_v2() == 0 and nvml.nvmlSystemGetDriverVersion(version, len(version)) == 0:
            return version.value.decode()
    except (OSError, AttributeError):
        pass
    start_warp()
    served = wp.get_cuda_driver_version()
    return "" if served is None else f"of CUDA {_dotted(served)}"


def other_gpus() -> str | None:
    """What to say of a GPU that torch can use and Warp can't: Apple's, which no CUDA device stands for; else None."""
    if torch.backends.mps.is_available():
        return "Apple's GPU (Metal) is there, but Warp has no kernels for it: the CPU computes everything"
    return None


def cuda_command(system: str, machine: str) -> str | None:
    """The command that installs torch with CUDA 13 on a platform, or None if there is no such build.

    Args:
        system, machine: as `platform.system` and `platform.machine` name them.
    """
    command = f"pip install --force-reinstall torch=={torch.__version__.partition('+')[0]}"
    if system == "Linux" and machine in ("x86_64", "aarch64"):
        return command  # PyPI's wheels for Linux have CUDA
    if system == "Windows" and machine in ("AMD64", "x86_64"):
        return f"{command} --index-url https://download.pytorch.org/whl/cu130"
    return None


def _how_to_get_cuda() -> str:
    system, machine = platform.system(), platform.machine()
    command = cuda_command(system, machine)
    if command is None:
        return f", and there is no build with CUDA for {system} {machine}"
    python = ".".join(map(str, sys.version_info[:2]))
    return (
        f": for CUDA 13 on {system} {machine} with Python {python}, {command}, and have NVIDIA's driver "
        f"{OLDEST_DRIVER} or newer"
    )


@cache
def _oldest_capability() -> tuple[int, int]:
    """The oldest compute capability that Warp's compiler for CUDA serves."""
    start_warp()
    return divmod(min(wp.get_cuda_supported_archs()), 10)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
