"""Processes that hang, die or say nothing: each is a few lines of Python here, without torch."""

import sys
import time

import pytest

from core.self_check.supervise import GPU, Limits, run_cases

SPEAK = """
import json, os, sys, time
request = json.load(sys.stdin)
def tell(**event): print(json.dumps(event), flush=True)
tell(ready=True)
for name in request["cases"]:
    tell(case=name)
    if name == "hangs": time.sleep(60)
    if name == "crashes": os.abort()
    if name == "slow to compile": tell(kernel="k"); time.sleep(0.6); tell(kernel=None)
    fault = {"wrong": "differs", "replaced": None if request["replaced"] else "differs"}.get(name)
    if name == "raises": tell(case=name, fault="raised RuntimeError: CUDA error"); break
    if name == "no memory": tell(case=name, fault="raised OutOfMemoryError: 1 GiB"); break
    tell(case=name, fault=fault)
"""

QUICK = Limits(start=20.0, compile=20.0, case=0.3)


def run(*names, code=SPEAK, replaced=(), tell=lambda share, text: None, limits=QUICK):
    return run_cases("cuda:0", names, replaced, tell, limits, (sys.executable, "-c", code))


def test_cases_that_agree_have_no_faults_and_progress_ends_at_one():
    seen = []
    assert run("a", "b", "slow to compile", tell=lambda share, text: seen.append((share, text))) == {}
    assert [share for share, _ in seen] == sorted(share for share, _ in seen) and seen[-1][0] == 1.0
    assert any("a" in text for _, text in seen) and any("compiling k" in text for _, text in seen)


def test_each_way_to_fail_is_told_and_the_other_cases_still_run():
    faults = run("wrong", "hangs", "a", "crashes", "raises", "replaced")
    assert faults["wrong"] == faults["replaced"] == "differs" and "CUDA error" in faults["raises"]
    assert faults["hangs"] == "did not return within 0 s" and "signal" in faults["crashes"]
    assert len(faults) == 5


def test_replaced_operations_reach_the_process():
    assert run("replaced", replaced=["hash_encode"]) == {}


def test_no_further_case_runs_without_memory():
    assert run("no memory", "wrong").keys() == {"no memory"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('ImportError: libcuda.so.1')", "ended with 1 (ImportError: libcuda.so.1)"),
        ("import os; os.abort()", "was ended by signal 6"),
        ("import time; time.sleep(60)", "did not start within 1 s"),
        ("print('no JSON')", "not understood"),
    ],
)
def test_a_process_that_does_not_start_stands_for_the_gpu(code, said):
    faults = run("a", "b", code=code, limits=Limits(start=1.0))
    assert faults.keys() == {GPU} and said in faults[GPU]


def test_after_some_dead_processes_no_more_are_started():
    faults = run(*[f"crashes{i}" for i in range(9)], code=SPEAK.replace('name == "crashes"', "True"))
    assert len(faults) == 5 and "4 processes" in faults[GPU]


def test_a_check_that_is_broken_off_leaves_no_process():
    def tell(share, text):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run("hangs", tell=tell, limits=Limits())
    assert time.monotonic() - began < 15.0
