"""Every C++ header is self-contained: it compiles alone. Constants are the same in C++ as in Python."""

import re
from typing import get_args

import numpy as np
import pytest
import warp as wp

from core.config.contractions import Contraction
from core.fields.activations import STEEPEST
from core.geometry.lenses import N_COEFFICIENTS
from core.kernels.contraction import FARTHEST
from core.kernels.grid import FAR_AWAY, FLOAT_SPACING
from core.kernels.hash_grid import VertexOrder
from core.kernels.network import ROWS
from core.kernels.packed import LEAST_WEIGHT
from core.kernels.pixel_loss import ROOMS
from core.kernels.runtime.cpp import HEADERS, build_options
from core.kernels.spherical_harmonics import N_HARMONICS
from core.kernels.upkeep import UNSEEN
from core.kernels.visibility import Fate

CONSTANTS = {
    ("grid.h", "FAR_AWAY"): FAR_AWAY,
    ("cell_hits.h", "FLOAT_SPACING"): FLOAT_SPACING,
    ("contraction.h", "FARTHEST"): FARTHEST,
    ("upkeep.h", "UNSEEN"): UNSEEN,
    ("radiance.h", "STEEPEST"): STEEPEST,
    ("harmonics.h", "N_HARMONICS"): N_HARMONICS,
    ("vectors.h", "ROWS"): ROWS,
    ("pixel_loss.h", "ROOMS"): ROOMS,
    ("pixel_loss.h", "LEAST_WEIGHT"): LEAST_WEIGHT,
    ("lenses.h", "N_COEFFICIENTS"): N_COEFFICIENTS,
}

ENUMERATIONS = {
    ("contraction.h", "Contraction"): [f"CONTRACT_{name.upper()}" for name in get_args(Contraction)],
    ("visibility.h", "Fate"): [fate.name for fate in sorted(Fate)],
    ("hash_grid.h", "VertexOrder"): [order.name for order in sorted(VertexOrder)],
}


@pytest.mark.parametrize("header", sorted(path.name for path in HEADERS.glob("*.h")))
def test_a_header_compiles_alone(header, tmp_path):
    module = wp.get_module(f"{__name__}.{header}")
    module.options["extra_build_options"] = build_options([header])

    @wp.kernel(module=module, enable_backward=False)
    def nothing():
        _ = wp.tid()

    wp.compile_aot_module(module, device="cpu", module_dir=tmp_path)
    assert [path for path in tmp_path.iterdir() if path.suffix == ".o"]


@pytest.mark.parametrize(("header", "name"), CONSTANTS)
def test_a_constant_is_the_same_in_both(header, name):
    found = re.search(rf"^constexpr (?:int|float) {name} = (\S+?)f?;", (HEADERS / header).read_text(), re.MULTILINE)
    assert found is not None, f"{header} defines no {name}"
    value = float.fromhex(found[1]) if "0x" in found[1] else float(found[1])
    assert np.float32(value) == np.float32(CONSTANTS[header, name])


@pytest.mark.parametrize(("header", "name"), ENUMERATIONS)
def test_an_enumeration_counts_the_same_in_both(header, name):
    found = re.search(rf"^enum {name} {{ (.*?) }};", (HEADERS / header).read_text(), re.MULTILINE)
    assert found is not None, f"{header} defines no enumeration {name}"
    assert found[1].split(", ") == ENUMERATIONS[header, name]


def test_fates_count_from_0():
    assert sorted(Fate) == list(range(len(Fate)))
