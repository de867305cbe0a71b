import pytest
import torch

from core.config.march import MarchSettings
from core.kernels import hash_grid, packed
from core.kernels.encoded_network import packed_table
from core.kernels.runtime.replaceable import is_replaced, replaceable, replaced
from core.self_check import twins
from core.self_check.cases import CASES
from core.self_check.inputs import BOX, grid_sampler, lively_field, numbers, rays_around
from core.self_check.inputs import packed as packed_info
from core.self_check.twins import TWINS


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.operations and set(case.operations) <= TWINS.keys()], ids=lambda x: x.name
)
def test_they_compute_what_the_kernels_compute(case, small_tables, monkeypatch):
    expected = case.compute("cpu")
    called = []
    for name in case.operations:
        monkeypatch.setitem(TWINS, name, lambda *a, twin=TWINS[name], **k: called.append(twin) or twin(*a, **k))
    with replaced({name: TWINS[name] for name in case.operations}):
        assert case.fault(expected, case.compute("cpu")) is None
    assert called or case.operations == ("march_on",)


def test_all_operations_have_one_whose_case_says_so():
    assert {name for case in CASES for name in case.operations} == TWINS.keys()


def test_the_whole_path_runs_without_any_kernel_that_has_one(small_tables):
    (case,) = [case for case in CASES if case.name == "the whole path"]
    expected = case.compute("cpu")
    with replaced(TWINS):
        assert case.fault(expected, case.compute("cpu")) is None


def test_a_rounded_table_is_read_and_the_table_gets_the_gradient():
    levels = hash_grid.level_layout(4, 4, 64, 10)
    table, positions = numbers(levels.n_entries, 2).requires_grad_(), numbers(200, 3, seed=1)
    results = []
    for encode in (hash_grid.hash_encode, twins.hash_encode):
        features = encode(positions, table, levels.info, rounded=packed_table(table))
        results.append((features.detach(), *torch.autograd.grad(features.square().sum(), table)))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.0, 1e30, torch.inf])
def test_empty_and_opaque_samples_are_composited_as_by_the_kernel(sigma):
    info, starts = packed_info(3, 0, 2), numbers(5)
    sigmas = torch.full((5,), sigma)
    inputs = sigmas, numbers(5, 3), starts, starts + 0.1, info, torch.ones(3)
    for found, expected in zip(twins.composite(*inputs), packed.composite(*inputs), strict=True):
        torch.testing.assert_close(found, expected)


def test_no_samples_and_no_rays_are_cases():
    none, nobody = torch.zeros(0), torch.zeros(0, 2, dtype=torch.int32)
    for info in (nobody, packed_info(0, 0)):
        out = twins.composite(none, torch.zeros(0, 3), none, none, info, torch.ones(3))
        assert out.colors.shape == (len(info), 3) and (out.colors == 1.0).all() and (out.depths == torch.inf).all()


def test_marches_go_in_rounds_where_the_march_in_one_launch_is_replaced(small_tables, monkeypatch):
    def must_not_run(*args):
        raise AssertionError("the replaced kernel ran")

    monkeypatch.setattr("core.samplers.occupancy.march_on", must_not_run)
    with replaced({"march_on": twins.TWINS["march_on"]}):
        march = MarchSettings(render_step_size=0.05)
        sampled = grid_sampler("cpu", 1).sample(lively_field("cpu"), rays_around(100), march, None, 8)
    assert sampled.samples.n_samples > 0 and BOX[0] < 0.0


def test_an_operation_is_replaced_inside_the_block_only():
    @replaceable("doubled")
    def doubled(x):
        return 2 * x

    with replaced({"doubled": lambda x: -x}):
        assert (doubled(3), is_replaced("doubled")) == (-3, True)
        with replaced({}):
            assert doubled(3) == 6
        assert doubled(3) == -3
    assert (doubled(3), is_replaced("doubled")) == (6, False)
