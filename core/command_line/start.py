"""What commands do before they run: a method is checked, kernels begin to compile, the device is chosen."""

import sys
from functools import partial
from importlib import import_module
from threading import Thread

from core.command_line.flags import Backend, Device, FieldFlags, MethodFlags, SamplerFlags


def check_method(method: MethodFlags, network: FieldFlags, sampling: SamplerFlags) -> None:
    """Raise ValueError for a method that can't learn in any scene. Nothing is imported for the usual one."""
    if method or network or sampling:
        from core.training import methods

        methods.check_method(method, network, sampling)


def begin(dataset: str) -> None:
    """Say what is being opened, and begin to compile what kernels need on a first start: this thread is going to import
    torch, which takes a second or two."""
    print(f"opening {dataset}", flush=True)
    ahead = partial(import_module, "core.kernels.runtime.loading")
    Thread(target=lambda: ahead().precompile_header(), name="compiler", daemon=True).start()


def engine(device: Device, backend: Backend, check_gpu: bool) -> str:
    """Choose the device to run on and its kernels; returns the device."""
    from rich.console import Console

    from core.commands.progress import Bar, progress_bars
    from core.kernels.runtime.device import choose_device
    from core.self_check.engine import ready_engine

    chosen = choose_device(device)
    with progress_bars(Console(stderr=True)) as bars:
        ready = ready_engine(chosen, backend, check_gpu, lambda: Bar(bars, "checking the GPU").update, _to_stderr)
    if ready.verdict is not None and ready.verdict.sentence:
        _to_stderr(ready.verdict.sentence)
    return ready.device


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)
