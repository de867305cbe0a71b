"""Every kernel compiles for CUDA, also on machines without a GPU: Warp ships the compiler."""

import importlib
import sys
from pathlib import Path

import pytest
import warp as wp

import core.kernels
from core.fields.ngp import NGPSettings
from core.kernels import encoded_network, fused_march

ON_THE_CPU_ONLY = {"network", "radiance"}  # on CUDA torch multiplies
FILES = sorted(Path(core.kernels.__path__[0]).glob("*.py"))
MODULES = [
    path.stem
    for path in FILES
    if any(mark in path.read_text("utf-8") for mark in ("@wp.kernel", "@cpp_kernel("))
    and path.stem not in ON_THE_CPU_ONLY
]

# Each module is assembled for one GPU generation (Hopper); for the others (Turing, Ampere, Blackwell) only those that
# may differ there: hash_grid's atomic additions depend on it, and fused_march includes most of the headers.
ASSEMBLED = [
    *((name, 90) for name in MODULES),
    *((name, arch) for name in ("hash_grid", "fused_march") for arch in (75, 80, 120)),
]


def modules_of(name):
    """The Warp modules of a file; a kernel that is made on first use has its own module."""
    if name in ("encoded_network", "fused_march"):
        usual = NGPSettings()
        n_in, many = usual.n_levels * usual.n_features, usual.geo_feature_dim
        sizes = {n: (n_in, usual.hidden_dim, n, usual.n_features, False) for n in (1, many)}
        if name == "encoded_network":
            return [encoded_network._kernel(*size).module for size in sizes.values()]
        return [fused_march._kernel(*size, n == many).module for n, size in sizes.items()]
    modules = {kernel.module.name: kernel.module for kernel in made_on_import(name)}
    file = f"core.kernels.{name}"
    return [module for path, module in sorted(modules.items()) if path == file or path.startswith(f"{file}.")]


def made_on_import(name):
    values = list(vars(importlib.import_module(f"core.kernels.{name}")).values())
    values += [kernel for value in values if isinstance(value, dict) for kernel in value.values()]
    return {value for value in values if isinstance(value, wp.Kernel)}


def test_there_are_modules_with_kernels_and_no_kernel_is_left_out():
    assert {"marching", "hash_grid", "packed", "pixels", "upkeep", "encoded_network", "fused_march"} <= set(MODULES)
    compiled = {module for name in MODULES for module in modules_of(name)}
    kernels = {kernel for path in FILES for kernel in made_on_import(path.stem)}
    assert len(kernels) > 20
    assert {kernel.key for kernel in kernels if kernel.module not in compiled} == set()


@pytest.mark.skipif(sys.platform == "darwin", reason="Warp for macOS has no compiler for CUDA")
@pytest.mark.parametrize(("name", "arch"), ASSEMBLED)
def test_a_module_compiles_and_assembles_for_cuda(name, arch, tmp_path):
    for number, module in enumerate(modules_of(name)):
        folder = tmp_path / str(number)
        wp.compile_aot_module(module, arch=arch, use_ptx=False, module_dir=folder)
        assert [path for path in folder.glob("*.cubin") if path.stat().st_size > 0]
