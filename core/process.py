"""What belongs to the whole process: its threads, its memory, and which packages are installed.

Importing core changes nothing in a process. A program that is Firstlight's alone calls `configure` first (before torch
is imported, where it can), and is then as fast as the machine allows; without it everything computes the same, on the
calling thread and on torch's own.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

_SPIN_COUNT = "1000"
"""Iterations that libgomp's threads spin before they sleep. torch's pool and ours take turns: a thread that spins for
milliseconds after each parallel region takes the core away from the other pool."""

_SWITCH_INTERVAL = 5e-4
"""Seconds after which Python lets another thread run: a picture's hundred launches must not wait for a whole frame of
the window each."""

_INSTRUCTIONS = "FIRSTLIGHT_INSTRUCTIONS"
_LIMITS = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
"""How torch and the libraries that multiply its matrices are limited to AVX2; they read it when torch is imported."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class Configuration:
    """How a process distributes its cores; see `configure`."""

    threads: int | None = None
    torch_threads: int | None = 1

    def __post_init__(self) -> None:
        for name, n in (("threads", self.threads), ("torch_threads", self.torch_threads)):
            if n is not None and n < 1:
                raise ValueError(f"{name} must be at least 1 or None, got {n}")


_configuration: Configuration | None = None
_appliers: list[Callable[[Configuration], None]] = []


def configure(threads: int | None = None, torch_threads: int | None = 1) -> None:
    """Make this process fast at training and rendering. Calling it again changes what differs and nothing else.

    It affects the whole process (measured on two cores, see tests/benchmarks/RESULTS.md): libgomp's threads spin only
    briefly, if torch isn't imported yet; glibc keeps freed memory; Python switches threads sooner; torch computes on
    `torch_threads` threads and flushes denormal numbers to zero; Warp logs errors only; and a pool of threads starts,
    which kernels and matrix products share.

    Args:
        threads: of that pool, the calling thread included; None: one for each available core.
        torch_threads: of torch's own pool, whose barriers spin: on a busy machine a step takes ten times as long with
            more than one. None leaves torch's threads as they are.

    Raises:
        ValueError: a number of threads below 1, or an unknown FIRSTLIGHT_INSTRUCTIONS; nothing changes.
    """
    global _configuration
    configuration = Configuration(threads, torch_threads)
    if configuration == _configuration:
        return
    if _configuration is None:
        if limited_to_avx2():
            os.environ.update(_LIMITS)
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        _keep_freed_memory()
    _configuration = configuration
    for apply in _appliers:
        apply(configuration)


def when_configured(apply: Callable[[Configuration], None]) -> None:
    """Have `apply` called with each configuration, the present one included if there is one.

    A module that loads torch or Warp registers here how it configures them; `configure` itself loads neither.
    """
    _appliers.append(apply)
    if _configuration is not None:
        apply(_configuration)


def limited_to_avx2() -> bool:
    """Whether the environment variable FIRSTLIGHT_INSTRUCTIONS limits the process to AVX2, which ordinary laptops have.

    Kernels, torch and precisions are then chosen as on a processor without AVX-512 and AMX, so that any developer can
    measure and test what most users get. It counts from `configure` on, before torch is imported.

    Raises:
        ValueError: it is neither "avx2" nor "native".
    """
    value = os.environ.get(_INSTRUCTIONS) or "native"
    if value not in ("avx2", "native"):
        raise ValueError(f"expected {_INSTRUCTIONS} to be avx2 or native, found {value!r}: unset it, or choose one")
    return value == "avx2"


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep_freed_memory() -> None:
    """Tell glibc to serve blocks up to 1 GiB from its heap and to keep them when they are freed.

    Activations of a few megabytes are allocated and freed a hundred times a second; returned to the system, their page
    faults would cost more than the matrix products they feed. Other C libraries are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def peak_memory() -> int | None:
    """The most memory this process has occupied so far, in bytes; None where the system doesn't tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used  # macOS counts bytes, the others kilobytes


def package_version(name: str) -> str | None:
    """The installed version of a package, or None; the package isn't loaded."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
