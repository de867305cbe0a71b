"""Makes a CPU build of torch believe in a CUDA GPU, so that Python code with device="cuda" runs: importing it does.

Tensors say that they are on cuda:0; they are tensors of torch's dispatch key CUDA, in the host's memory (see `cpp`).
As on a GPU, devices of tensors and generators must agree by the rules of native_functions.yaml, `.numpy()` raises,
memory that nobody wrote holds no zeros, backward runs on a thread of its own, and more memory than the limit raises
torch.OutOfMemoryError. Kernels of ours run by their CUDA branches, see `kernels`. What it can't tell: whatever is
asynchronous, speed, and the numbers of a real GPU's kernels.
"""

import collections
import ctypes
import os
import re
import sys
import threading
import time
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.process import configure
from tests.pretended_cuda.build import library

configure()
_native = ctypes.CDLL(str(library()), ctypes.RTLD_GLOBAL)  # torch looks for CUDA's functions when it is imported

import torch  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "NVIDIA Pretended"
MEMORY = 8 << 30
"""Bytes that it has, unless `limited_to` says otherwise."""

capability = (8, 9)
"""Its compute capability: before 8.0 it has no bfloat16."""

_OWN = (__file__, str(Path(__file__).with_name("kernels.py")))
for _name in ("bytes_held", "most_bytes_held", "memory_limit"):
    getattr(_native, _name).restype = ctypes.c_int64
_native.set_memory_limit.argtypes = [ctypes.c_int64]
_native.set_memory_limit(MEMORY)

bytes_held, most_bytes_held, forget_most = _native.bytes_held, _native.most_bytes_held, _native.forget_most
memory_limit = _native.memory_limit


def _need_same_device() -> None:
    """Name the operations whose generated CUDA wrapper holds all tensors to one device, 0-dim ones too."""
    path = Path(torch.__file__).parents[1] / "torchgen/packaged/ATen/native/native_functions.yaml"
    for block in re.split(r"\n(?=- func: )", path.read_text()):
        name = re.match(r"- func: ([\w.]+)\(", block)
        if name and "device_check: NoCheck" not in block:
            _native.need_same_device(f"aten::{name[1]}".encode())


_need_same_device()


# ---- waiting

_waits: list[collections.Counter] = []
_warns = False


@contextmanager
def counted_waits() -> Iterator[collections.Counter]:
    """Counts what the host waits for inside the `with` block, by the line of the project that waits and why."""
    counter: collections.Counter = collections.Counter()
    _waits.append(counter)
    try:
        yield counter
    finally:
        _waits.remove(counter)


def _line() -> str:
    """The innermost line of the project that is being run, tests included."""
    frame = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(f"{REPOSITORY}{os.sep}") and name not in _OWN and "site-packages" not in name:
            return f"{Path(name).relative_to(REPOSITORY)}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


def _wait(why: str) -> None:
    if _waits:
        place = f"{_line()} {why}"
        for counter in _waits:
            counter[place] += 1
    if _warns:
        warnings.warn("called a synchronizing CUDA operation", stacklevel=3)


_on_wait = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda why: _wait(why.decode()))
_native.on_wait(_on_wait)


def _set_sync_debug_mode(mode: str) -> None:
    global _warns
    _warns = mode == "warn"


# ---- memory


@contextmanager
def limited_to(n_bytes: int) -> Iterator[None]:
    """Lets the GPU have so many bytes inside the `with` block, those that are in use included."""
    before = _native.memory_limit()
    _native.set_memory_limit(n_bytes)
    try:
        yield
    finally:
        _native.set_memory_limit(before)


@contextmanager
def peak_of() -> Iterator[list[int]]:
    """Yields a list that holds, after the `with` block, the most bytes in use inside it beyond those at its start."""
    result: list[int] = []
    before = bytes_held()
    forget_most()
    yield result
    result.append(most_bytes_held() - before)


def _mem_get_info(device: Any = None) -> tuple[int, int]:
    limit = _native.memory_limit()
    return limit - bytes_held(), limit


# ---- events and streams, which are done at once


class Event:
    """See torch.cuda.Event."""

    def __init__(self, enable_timing: bool = False, **_: Any):
        self._timing, self._at = enable_timing, None

    def record(self, stream: Any = None) -> None:
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        _wait("an event")

    def query(self) -> bool:
        return True

    def elapsed_time(self, other: "Event") -> float:
        if not (self._timing and other._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._at is None or other._at is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        return 1e3 * (other._at - self._at)


class Stream:
    """See torch.cuda.Stream."""

    def __init__(self, device: Any = None, priority: int = 0):
        self.device, self.cuda_stream = torch.device("cuda", 0), id(self)

    def synchronize(self) -> None:
        _wait("a stream")


_default_stream, _streams = Stream(), threading.local()


@contextmanager
def _stream(stream: Stream) -> Iterator[None]:
    before, _streams.current = _current_stream(), stream
    try:
        yield
    finally:
        _streams.current = before


def _current_stream(device: Any = None) -> Stream:
    return getattr(_streams, "current", _default_stream)


# ---- torch.cuda


def _properties(device: Any = None) -> types.SimpleNamespace:
    total = _native.memory_limit()
    return types.SimpleNamespace(name=NAME, major=capability[0], minor=capability[1], total_memory=total)


_PRETENDED = {
    "_lazy_init": lambda: None,
    "init": lambda: None,
    "is_initialized": lambda: True,
    "is_available": lambda: True,
    "device_count": lambda: 1,
    "current_device": lambda: 0,
    "set_device": lambda device: None,
    "get_device_name": lambda device=None: NAME,
    "get_device_capability": lambda device=None: capability,
    "get_device_properties": _properties,
    "is_bf16_supported": lambda including_emulation=True: including_emulation or capability >= (8, 0),
    "mem_get_info": _mem_get_info,
    "memory_allocated": lambda device=None: bytes_held(),
    "max_memory_allocated": lambda device=None: most_bytes_held(),
    "memory_reserved": lambda device=None: bytes_held(),
    "reset_peak_memory_stats": lambda device=None: forget_most(),
    "empty_cache": lambda: None,
    "synchronize": lambda device=None: _wait("torch.cuda.synchronize"),
    "set_sync_debug_mode": _set_sync_debug_mode,
    "_sleep": lambda cycles: None,
    "manual_seed_all": lambda seed: None,
    "Event": Event,
    "Stream": Stream,
    "stream": _stream,
    "current_stream": _current_stream,
}
for _name, _value in _PRETENDED.items():
    setattr(torch.cuda, _name, _value)
torch.version.cuda = "13.0"

as_cpu = torch.ops.pretended.as_cpu
"""A tensor of the CPU with the memory of one of the pretended GPU."""

_clone_storage = torch.UntypedStorage.clone


def _clone(storage: torch.UntypedStorage) -> torch.UntypedStorage:
    """A CPU build of torch makes no storages on CUDA from Python; deep copies need them."""
    if storage.device.type != "cuda":
        return _clone_storage(storage)
    whole = torch.empty(0, dtype=torch.uint8, device="cuda").set_(storage, 0, (storage.nbytes(),), (1,))
    return whole.clone().untyped_storage()


torch.UntypedStorage.clone = _clone

from tests.pretended_cuda import kernels  # noqa: E402, F401 - our kernels believe in it too
