"""The self-check's process on a pretended GPU that is broken in one of several ways, which its argument names.

Without an argument: what the self-check says of each, `python -m tests.pretended_cuda.broken_check`.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

if __name__ == "__main__":  # before torch; the tests' own process must keep its own
    from tests.pretended_cuda import device

import torch

from core.kernels.runtime import launch as launching
from core.self_check import child, path_cases


def after_launches(kernels: str, spoil: Callable[[list], None]) -> None:
    """Spoil what the launches of kernels, by the beginning of their names, leave in their arguments on the GPU."""
    real = launching._record

    def record(kernel, dim, inputs, where, block):
        recorded = real(kernel, dim, inputs, where, block)
        if where.type != "cuda" or not kernel.key.startswith(kernels):
            return recorded
        launch = recorded.launch

        def launch_and_spoil(dim, inputs, stream):
            launch(dim, inputs, stream)
            spoil(inputs)

        recorded.launch = launch_and_spoil
        return recorded

    launching._record = record


def fail(error: Exception) -> Callable[[list], None]:
    def spoil(inputs: list) -> None:
        raise error

    return spoil


def refuse_to_compile(kernels: str) -> None:
    real = launching._record

    def record(kernel, dim, inputs, where, block):
        if where.type == "cuda" and kernel.key.startswith(kernels):
            raise RuntimeError("NVRTC compilation failed: error: identifier undefined")
        return real(kernel, dim, inputs, where, block)

    launching._record = record


def lose_driver() -> None:
    """From the compositing on every call of CUDA fails."""

    def spoil(inputs: list) -> None:
        torch.cuda.get_device_capability = fail(RuntimeError("CUDA error: unknown error"))
        raise RuntimeError("CUDA error: unspecified launch failure")

    after_launches("_composite_ahead", spoil)


def multiply_wrongly() -> None:
    real = path_cases.trace_rays

    def traced(field, *args, **kwargs):
        found = real(field, *args, **kwargs)
        if found.output.colors.is_cuda:
            found = found._replace(output=found.output._replace(colors=found.output.colors * 0.9))
        return found

    path_cases.trace_rays = traced


WAYS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "wrong values": lambda: after_launches("hash_gather_2", lambda inputs: inputs[-1].mul_(1.01)),
    "wrong gradient": lambda: after_launches("hash_scatter_4", lambda inputs: inputs[-2].zero_()),
    "NaN": lambda: after_launches("_append_harmonics", lambda inputs: inputs[-1][:3].fill_(torch.nan)),
    "raises": lambda: after_launches("_accumulate_back", fail(RuntimeError("Warp CUDA error 719"))),
    "hangs": lambda: after_launches("_look_up", lambda inputs: time.sleep(1000)),
    "crashes": lambda: after_launches("_camera_rays", lambda inputs: os.kill(os.getpid(), signal.SIGSEGV)),
    "not compiled": lambda: refuse_to_compile("fused_march"),
    "marches wrong": lambda: after_launches("_march", lambda inputs: inputs[-1].zero_()),
    "torch wrong": multiply_wrongly,
    "out of memory": lambda: device._native.set_memory_limit(device.bytes_held() + (1 << 20)),
    "driver dies": lose_driver,
    "no process": lambda: sys.exit("ImportError: libcuda.so.1: cannot open shared object file"),
}


def show_all() -> None:
    """Print what the self-check says of each way."""
    from core.self_check.supervise import Limits, run_cases
    from core.self_check.verdict import examine

    for way in WAYS:
        command = (sys.executable, "-m", "tests.pretended_cuda.broken_check", way)
        found = examine("cuda", lambda *_: None, partial(run_cases, limits=Limits(case=6.0), command=command))
        print(f"{way}: {found.sentence or 'nothing is wrong'}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        show_all()
    else:
        WAYS[sys.argv[1]]()
        child.main()
