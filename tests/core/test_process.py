import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.process import configure, limited_to_avx2, package_version, peak_memory, when_configured

REPOSITORY = Path(__file__).resolve().parents[2]

STATE = """
import ctypes, json, os, pkgutil, sys, threading
def state():
    import torch
    import warp as wp
    return {
        "environment": dict(os.environ),
        "switch interval": sys.getswitchinterval(),
        "torch threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "gradients": torch.is_grad_enabled(),
        "default type": str(torch.get_default_dtype()),
        "denormals": float(torch.tensor(1e-40) * 0.5) > 0.0,
        "warp": {name: repr(x) for name, x in vars(wp.config).items() if not name.startswith("__")},
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }
"""

IMPORT_ALL = """
import importlib
import core
names = [module.name for module in pkgutil.walk_packages(core.__path__, "core.")]
for name in names:
    importlib.import_module(name)
"""


def run(code: str) -> dict:
    """The JSON that a fresh interpreter prints on its last line."""
    done = subprocess.run(
        [sys.executable, "-c", STATE + code], capture_output=True, text=True, cwd=REPOSITORY, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_all_of_core_changes_nothing_in_the_process():
    found = run(f"before = state()\n{IMPORT_ALL}\nprint(json.dumps([before, state(), len(names)]))")
    before, after, n_modules = found
    assert n_modules > 100
    assert after == before


def test_a_configured_process_limits_torch_to_one_thread_and_gives_the_rest_to_the_pool():
    code = """
import sys
from core.process import configure
configure(threads=3)
assert "torch" not in sys.modules
from core.kernels.runtime.launch import n_threads
after = state()
print(json.dumps([after, os.environ["GOMP_SPINCOUNT"], n_threads()]))
"""
    after, spin_count, n_threads = run(code)
    assert after["torch threads"] == 1 and not after["denormals"]
    assert after["switch interval"] == pytest.approx(5e-4)
    assert spin_count == "1000"
    assert n_threads == 3 and sum(name.startswith("slice_") for name in after["threads"]) == 2


def test_a_process_may_be_configured_after_its_imports_and_keep_torchs_threads():
    code = """
import torch
from core.kernels.runtime.launch import n_threads
from core.process import configure
torch.set_num_threads(2)
alone = n_threads()
configure(threads=3, torch_threads=None)
configure(threads=3, torch_threads=None)
after = state()
print(json.dumps([alone, after, n_threads()]))
"""
    alone, after, n_threads = run(code)
    assert alone == 1
    assert after["torch threads"] == 2
    assert n_threads == 3 and sum(name.startswith("slice_") for name in after["threads"]) == 2


def test_an_unconfigured_process_trains_and_renders_the_same():
    code = """
import numpy as np
import torch
{first}
from core.datasets import open_dataset
from core.rendering.render import render_image
from core.training.build import new_trainer
trainer = new_trainer(open_dataset("demo"), "cpu", 0)
losses = [trainer.step(0.1).loss for _ in range(3)]
camera = trainer.dataset.test.cameras[0].resized(16, 16)
picture = render_image(trainer.field, trainer.sampler, camera, trainer.settings.march, torch.ones(3))
print(json.dumps([losses, float(picture.colors.mean())]))
"""
    alone = run(code.format(first=""))
    configured = run(code.format(first="from core.process import configure; configure(threads=2)"))
    assert alone[0] == pytest.approx(configured[0], rel=1e-4)
    assert alone[1] == pytest.approx(configured[1], rel=1e-4)


def test_a_process_can_be_limited_to_the_instructions_that_ordinary_laptops_have(monkeypatch):
    monkeypatch.setenv("FIRSTLIGHT_INSTRUCTIONS", "avx2")
    found = run("""
from core.process import configure
configure()
import torch, warp
from core.kernels.network import has_tiles
from core.kernels.runtime.device import cpu_has, fastest_precision, processor
print(json.dumps([torch.backends.cpu.get_cpu_capability(), warp.config.cpu_compiler_flags, has_tiles(),
                  cpu_has("avx512_f"), fastest_precision("cpu"), processor()]))
""")
    assert found[0] in ("AVX2", "DEFAULT") and "-march=native" not in found[1]
    assert found[2:4] == [False, False] and found[4] == "float32"
    assert found[5].endswith("by FIRSTLIGHT_INSTRUCTIONS") and "AVX-512" not in found[5]
    monkeypatch.setenv("FIRSTLIGHT_INSTRUCTIONS", "avx1024")
    with pytest.raises(ValueError, match="expected FIRSTLIGHT_INSTRUCTIONS to be avx2 or native, found 'avx1024'"):
        limited_to_avx2()


def test_thread_counts_are_checked_before_anything_changes():
    with pytest.raises(ValueError, match="threads must be at least 1 or None, got 0"):
        configure(threads=0)
    with pytest.raises(ValueError, match="torch_threads must be at least 1 or None, got 0"):
        configure(torch_threads=0)


def test_a_late_listener_is_called_with_the_configuration_at_once_and_only_once():
    seen = []
    when_configured(seen.append)
    assert len(seen) == 1  # tests/conftest.py configured this process
    configure(seen[0].threads, seen[0].torch_threads)
    assert len(seen) == 1


def test_peak_memory_is_plausible_for_a_process_with_torch():
    peak = peak_memory()
    assert peak is None or peak > 5e7


def test_a_package_that_is_not_installed_has_no_version():
    assert package_version("torch")
    assert package_version("no-such-package-of-ours") is None
