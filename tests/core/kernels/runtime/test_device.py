from pathlib import Path

import pytest
import torch

from core.errors import BackendUnavailable
from core.kernels.runtime.device import choose_device, peak_memory_mb


def test_the_cpu_is_always_available():
    assert choose_device("cpu") == "cpu"
    assert choose_device() == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_refused_with_advice():
    with pytest.raises(BackendUnavailable, match=r"install .* or run with --device cpu"):
        choose_device("cuda")


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="'tpu'"):
        choose_device("tpu")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux, where /proc reports the peak too")
def test_peak_memory_agrees_with_the_system():
    held = torch.ones(25_000_000)
    ours = peak_memory_mb("cpu")["peak_memory_mb"]
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert ours == pytest.approx(1.024e-3 * int(lines["VmHWM"].split()[0]), rel=0.02)
    assert ours > held.nbytes / 1e6
