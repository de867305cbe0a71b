"""Every kernel compiles for CUDA, on machines without a GPU too: Warp brings the compiler along."""

import importlib
import sys
from pathlib import Path

import pytest
import warp as wp

import core.kernels
from core.kernels import encoded_network, hash_grid
from tests.scenes import SMALL_FIELD

ON_THE_CPU_ONLY = {"network", "radiance", "whole_march"}  # on CUDA torch multiplies, and rounds are launches
WITHOUT_KERNELS = {
    "native",
    "grid",
}  # makes kernels for others; has functions, compiled with the kernels that call them
MODULES = sorted(
    path.stem
    for path in Path(core.kernels.__path__[0]).glob("*.py")
    if any(mark in path.read_text("utf-8") for mark in ("@wp.", "native_kernel("))
    and path.stem not in ON_THE_CPU_ONLY | WITHOUT_KERNELS
)


def modules_of(name):
    """What Warp compiles of a file: a kernel that is made on use is a module of its own."""
    if name == "hash_grid":
        makers = hash_grid._GATHERS, hash_grid._WORD_GATHERS, hash_grid._SCATTERS
        return [kernel.module for kernels in makers for kernel in kernels.values()]
    if name != "encoded_network":
        return [importlib.import_module(f"core.kernels.{name}")]
    n_in = SMALL_FIELD.n_levels * SMALL_FIELD.n_features
    return [
        encoded_network._kernel(n_in, SMALL_FIELD.hidden_dim, n_out, SMALL_FIELD.n_features, in_tiles=False).module
        for n_out in (1, SMALL_FIELD.geo_feature_dim)
    ]


def test_there_are_modules_with_kernels():
    assert {"marching", "hash_grid", "packed", "pixels", "upkeep", "encoded_network"} <= set(MODULES)


@pytest.mark.skipif(sys.platform == "darwin", reason="Warp for macOS has no compiler for CUDA")
@pytest.mark.parametrize(("name", "arch"), [*((name, 90) for name in MODULES), ("hash_grid", 80)])
def test_a_module_compiles_and_assembles_for_cuda(name, arch, tmp_path):
    for number, module in enumerate(modules_of(name)):
        folder = tmp_path / str(number)
        wp.compile_aot_module(module, arch=arch, use_ptx=False, module_dir=folder)
        assert [path for path in folder.glob("*.cubin") if path.stat().st_size > 0]
