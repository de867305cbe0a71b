from pathlib import Path

import pytest
import torch
import warp as wp

from core.errors import BackendUnavailable
from core.kernels.runtime import device, obstacles
from core.kernels.runtime.device import choose_device, fastest_precision, peak_memory_mb, use_chosen_gpu, why_not_cuda
from core.rendering.backends import describe_backend


@pytest.fixture
def machine(monkeypatch):
    """Describes the GPUs that torch and Warp report: names, compute capabilities and free gigabytes."""

    def of(*gpus, driver=(13, 0), seen_by_warp=True):
        chosen = []
        monkeypatch.setattr(device, "_gpu", None)
        for name, value in {
            "is_available": lambda: bool(gpus),
            "device_count": lambda: len(gpus),
            "get_device_name": lambda i: gpus[i][0],
            "get_device_capability": lambda i: gpus[i][1],
            "mem_get_info": lambda i: (gpus[i][2] * 1e9, 24e9),
            "set_device": chosen.append,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(wp, "get_cuda_driver_version", lambda: driver)
        monkeypatch.setattr(wp, "is_cuda_available", lambda: seen_by_warp)
        return chosen

    return of


def test_the_cpu_is_always_available():
    assert choose_device("cpu") == "cpu"
    assert choose_device() == ("cpu" if why_not_cuda() else "cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_refused_with_advice():
    with pytest.raises(BackendUnavailable, match=r"install .* or run with --device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:one", "cpu:0"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}'"):
        choose_device(name)


CARD, OLD = ("RTX 4060", (8, 9), 7.0), ("GTX 1080", (6, 1), 8.0)


@pytest.mark.parametrize(
    ("gpus", "facts", "reason"),
    [
        ([], {}, "sees no GPU.*nvidia-smi.*580"),
        ([CARD], {"driver": (12, 4)}, "driver serves CUDA 12.4.*need CUDA 13.*install driver 580"),
        ([], {"driver": (12, 4)}, "driver serves CUDA 12.4"),
        ([CARD], {"seen_by_warp": False}, "Warp finds none"),
        ([OLD], {}, r"GTX 1080 has compute capability 6\.1, and the kernels need 7\.5 \(GTX 16, RTX 20\) or newer"),
    ],
)
def test_a_gpu_that_torch_or_warp_does_not_serve_leaves_the_cpu(machine, gpus, facts, reason):
    chosen = machine(*gpus, **facts)
    assert choose_device() == "cpu" and not chosen
    for name in ("cuda", "cuda:0")[: 1 + bool(gpus)]:
        with pytest.raises(BackendUnavailable, match=f"device {name} .*{reason}.*or run with --device cpu"):
            choose_device(name)
    assert "see doctor" in describe_backend("cpu")


def test_the_gpu_with_the_most_free_memory_is_taken_and_old_ones_are_not(machine):
    chosen = machine(CARD, OLD, ("RTX 3090", (8, 6), 20.0), ("RTX 2060", (7, 5), 5.0))
    assert [choose_device(name) for name in (None, "cuda", "cuda:3", "cuda:0")] == 4 * ["cuda"]
    assert chosen == [2, 2, 3, 0]
    use_chosen_gpu("cpu")
    use_chosen_gpu("cuda")
    assert chosen[4:] == [0]
    with pytest.raises(BackendUnavailable, match=r"GTX 1080 has compute capability 6\.1"):
        choose_device("cuda:1")
    with pytest.raises(BackendUnavailable, match=r"4 GPUs, which count from cuda:0 to cuda:3"):
        choose_device("cuda:4")


def test_products_are_in_float32_where_bfloat16_is_only_emulated(monkeypatch):
    for native in (False, True):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert fastest_precision("cuda") == ("bfloat16" if native else "float32")


def test_a_torch_for_amd_is_not_taken_for_cuda(machine, monkeypatch):
    machine(("Radeon", (9, 0), 16.0))
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert choose_device() == "cpu" and "ROCm" in why_not_cuda()


def test_apples_gpu_is_named_as_one_without_kernels(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert obstacles.other_gpus() is None
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert "Metal" in obstacles.other_gpus()


@pytest.mark.parametrize(
    ("system", "machine", "command"),
    [
        ("Linux", "x86_64", r"with Python [\d.]+, pip install --force-reinstall torch==[\d.]+, and have NVIDIA"),
        ("Windows", "AMD64", r"pip install .*torch==[\d.]+ --index-url https://download\.pytorch\.org/whl/cu130"),
        ("Darwin", "arm64", "there is no build with CUDA for Darwin arm64"),
    ],
)
def test_a_torch_without_cuda_gets_the_command_for_its_platform(monkeypatch, system, machine, command):
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(obstacles.platform, "system", lambda: system)
    monkeypatch.setattr(obstacles.platform, "machine", lambda: machine)
    with pytest.raises(BackendUnavailable, match=command):
        choose_device("cuda")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux, where /proc reports the peak too")
def test_peak_memory_agrees_with_the_system():
    held = torch.ones(25_000_000)
    ours = peak_memory_mb("cpu")["peak_memory_mb"]
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert ours == pytest.approx(1.024e-3 * int(lines["VmHWM"].split()[0]), rel=0.02)
    assert ours > held.nbytes / 1e6
