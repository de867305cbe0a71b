"""Every kernel compiles for CUDA, on machines without a GPU too: Warp brings the compiler along."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
import warp as wp

import core.kernels
from core.fields.ngp import NGPField
from core.kernels.space import Space
from tests.scenes import BOX, SMALL_FIELD

ON_THE_CPU_ONLY = {"network"}  # on CUDA torch multiplies
MODULES = sorted(
    path.stem
    for path in Path(core.kernels.__path__[0]).glob("*.py")
    if "@wp." in path.read_text("utf-8") and path.stem not in ON_THE_CPU_ONLY
)


def make_kernels_that_are_made_on_use():
    field, positions = NGPField(SMALL_FIELD, Space(BOX)), torch.zeros(1, 3)
    with torch.no_grad():
        field.density(positions), field.density_alone(positions)


def test_there_are_modules_with_kernels():
    assert {"marching", "hash_grid", "packed", "pixels", "upkeep", "encoded_network"} <= set(MODULES)


@pytest.mark.skipif(sys.platform == "darwin", reason="Warp for macOS has no compiler for CUDA")
@pytest.mark.parametrize(("name", "arch"), [*((name, 90) for name in MODULES), ("hash_grid", 80)])
def test_a_module_compiles_and_assembles_for_cuda(name, arch, tmp_path):
    make_kernels_that_are_made_on_use()
    module = importlib.import_module(f"core.kernels.{name}")
    wp.compile_aot_module(module, arch=arch, use_ptx=False, module_dir=tmp_path)
    assert [path for path in tmp_path.glob("*.cubin") if path.stat().st_size > 0]
