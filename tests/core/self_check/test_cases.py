import math

import pytest
import torch

from core.kernels.runtime import launch as launching
from core.self_check.cases import CASES, Case
from tests.core.kernels.test_cuda_compiles import MODULES, made_on_import

OF_NERFACCS_PROGRAMS = {"grid_walk", "inverse_sampling", "packed_scan", "sample_edges"}
"""Modules that only `core.compat` runs: a start doesn't compile them."""

FOR_THE_CPU = {"hash_gather_words_4"}
"""Kernels in other modules that only a CPU runs: a GPU trains on tables in float32."""


def test_every_kernel_that_scenes_run_on_a_gpu_is_checked(small_tables, monkeypatch):
    monkeypatch.setattr(launching, "_here", launching._Here())
    launched = []
    with launching.telling_loads(launched.append):
        for case in CASES:
            case.compute("cpu")
    kernels = {kernel.key for name in set(MODULES) - OF_NERFACCS_PROGRAMS for kernel in made_on_import(name)}
    assert len(kernels) > 20 and kernels - set(launched) == FOR_THE_CPU


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([1.0, 2.0, math.inf], None),
        ([1.0005, 2.0, math.inf], None),
        ([1.0, 2.1, math.inf], "1 of 3 numbers differ from the CPU's, by up to 0.1"),
        ([1.0, math.nan, math.inf], "1 of 3 numbers are NaN or infinite"),
        ([1.0, 2.0, 3.0], "1 of 3 numbers differ from the CPU's, by up to inf"),
        ([1.0, 2.0], "returned (2,) numbers where the CPU returned (3,)"),
    ],
)
def test_a_fault_says_what_differs(found, fault):
    text = Case("a", None).fault([torch.tensor([1.0, 2.0, math.inf])], [torch.tensor(found)])
    assert text == fault


def test_a_share_of_the_numbers_may_differ():
    here, there = torch.zeros(100), torch.zeros(100)
    there[0] = 9.0
    assert Case("a", None, share=0.99).fault([here], [there]) is None
    there[1] = 9.0
    assert Case("a", None, share=0.99).fault([here], [there]) is not None
