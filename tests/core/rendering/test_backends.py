"""Choosing the backend: the choice, its reason, and what is remembered. nerfacc and the race are faked."""

import pytest
import torch

from core.commands import doctor
from core.errors import BackendUnavailable
from core.kernels.nerfacc.kernels import NerfaccKernels
from core.kernels.runtime.backend import current, use
from core.rendering import backend_race
from core.rendering.backends import Nerfacc, choose_backend, describe_backend, predict_backend
from tests.core.kernels import nerfacc_twin


class Machine:
    """A fake machine with a GPU, where nerfacc's kernels are built or can be built, unless `obstacle` says why not.

    Attributes:
        done: the calls made to it, in order.
        said: the messages to the user.
    """

    def __init__(self, folder, built=True, obstacle=None, warp=2.0, nerfacc=1.0, failure=None):
        self.memory, self.built, self._obstacle = folder / "user" / "backend.json", built, obstacle
        self.times, self.failure, self.key = {"warp": warp, "nerfacc": nerfacc}, failure, "GPU, torch 2"
        self.done, self.said = [], []

    def __call__(self) -> Nerfacc:
        return Nerfacc(
            self.key, self.memory, lambda: self.built, lambda: self._obstacle, self._build, self._load, self._race
        )

    def choose(self, choice, device="cuda"):
        return choose_backend(choice, device, self.said.append, self)

    def _build(self):
        self.done.append("build")
        if self.failure is not None:
            raise self.failure
        self.built = True

    def _load(self):
        self.done.append("load")
        if self.failure is not None:
            raise self.failure
        return NerfaccKernels(nerfacc_twin)

    def _race(self, kernels):
        assert isinstance(kernels, NerfaccKernels)
        self.done.append("race")
        return self.times


@pytest.fixture(autouse=True)
def restore_backend():
    before = current()
    yield
    use(before)


def test_on_the_cpu_warp_is_chosen_without_a_look_at_nerfacc():
    def unused():
        raise AssertionError("must not look for nerfacc on a CPU")

    for choice in ("auto", "warp"):
        assert choose_backend(choice, "cpu", print, unused).name == "warp"
    assert predict_backend("cpu", unused)[0] == "warp"


def test_nerfacc_on_the_cpu_is_refused_in_one_line(capsys):
    import run_viewer

    with pytest.raises(BackendUnavailable, match=r"needs a CUDA device.*--backend warp"):
        choose_backend("nerfacc", "cpu", print)
    assert run_viewer.main(["train", "demo", "--output", "OUT", "--device", "cpu", "--backend", "nerfacc"]) == 2
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and "--backend warp" in text


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="'fast'"):
        choose_backend("fast", "cpu", print)


def test_warp_is_chosen_without_a_look_at_nerfacc(tmp_path):
    machine = Machine(tmp_path)
    assert machine.choose("warp").name == current().name == "warp"
    assert machine.done == machine.said == []


def test_nerfacc_is_built_when_requested_by_name_and_the_user_is_informed(tmp_path):
    machine = Machine(tmp_path, built=False)
    chosen = machine.choose("nerfacc")
    assert chosen.name == "nerfacc" and chosen.nerfacc is not None and current() is chosen
    assert machine.done == ["build", "load"] and "minutes" in "".join(machine.said)
    machine.done.clear()
    machine.choose("nerfacc")
    assert machine.done == ["load"], "it is built only once"


def test_if_nerfacc_cannot_be_built_the_error_says_why_and_names_the_alternative(tmp_path):
    before = current()
    with pytest.raises(BackendUnavailable, match=r"no nvcc.*--backend warp"):
        Machine(tmp_path, built=False, obstacle="there is no nvcc").choose("nerfacc")
    with pytest.raises(BackendUnavailable, match="too old"):
        Machine(tmp_path, built=False, failure=BackendUnavailable("too old")).choose("nerfacc")
    assert current() is before


@pytest.mark.parametrize(("warp", "nerfacc", "faster"), [(2.0, 1.0, "nerfacc"), (1.0, 2.0, "warp")])
def test_auto_takes_the_faster_one_and_remembers_it(tmp_path, warp, nerfacc, faster):
    machine = Machine(tmp_path, warp=warp, nerfacc=nerfacc)
    assert predict_backend("cuda", machine)[0] == "warp or nerfacc" and machine.done == []
    chosen = machine.choose("auto")
    assert chosen.name == faster and (chosen.nerfacc is not None) == (faster == "nerfacc")
    assert f"Warp {warp:.2f} ms, nerfacc {nerfacc:.2f} ms" in chosen.reason
    assert "race" in machine.done and len(machine.said) == 1
    again = Machine(tmp_path, warp=nerfacc, nerfacc=warp)
    assert predict_backend("cuda", again) == (faster, chosen.reason)
    assert again.choose("auto")[:2] == chosen[:2]
    assert "race" not in again.done and not again.said


def test_auto_measures_again_on_another_gpu_and_keeps_the_first_result(tmp_path):
    first, second = Machine(tmp_path), Machine(tmp_path, warp=1.0, nerfacc=3.0)
    second.key = "another GPU"
    assert [machine.choose("auto").name for machine in (first, second, first)] == ["nerfacc", "warp", "nerfacc"]
    assert first.done.count("race") == second.done.count("race") == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"GPU, torch 2": 3}', '{"GPU, torch 2": {"warp": "1"}}'])
def test_a_damaged_memory_file_is_measured_again(tmp_path, text):
    machine = Machine(tmp_path)
    machine.memory.parent.mkdir()
    machine.memory.write_text(text)
    assert machine.choose("auto").name == "nerfacc" and "race" in machine.done
    assert predict_backend("cuda", machine)[0] == "nerfacc"


def test_an_unwritable_memory_file_does_not_prevent_starting(tmp_path):
    machine = Machine(tmp_path)
    machine.memory.parent.write_text("a file where the folder should be")
    assert machine.choose("auto").name == "nerfacc"


def test_auto_never_builds_and_says_what_does(tmp_path):
    for obstacle, reason in ((None, "--backend nerfacc builds"), ("there is no nvcc", "no nvcc")):
        machine = Machine(tmp_path, built=False, obstacle=obstacle)
        chosen = machine.choose("auto")
        assert chosen.name == "warp" and reason in chosen.reason and machine.done == []
        assert predict_backend("cuda", machine) == chosen[:2]


@pytest.mark.parametrize("failure", [BackendUnavailable("it does not load"), RuntimeError("CUDA error:\nno image")])
def test_auto_falls_back_to_warp_if_nerfacc_fails(tmp_path, failure):
    chosen = Machine(tmp_path, failure=failure).choose("auto")
    assert chosen.name == "warp" and chosen.reason == " ".join(str(failure).split())


def test_a_backend_is_described_with_its_reason(tmp_path, monkeypatch):
    line = describe_backend("cpu")
    assert "Warp" in line and "CPU (" in line and "\n" not in line
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    Machine(tmp_path).choose("auto")
    assert "nerfacc 0.5.3 on CUDA (a GPU; measured here" in describe_backend("cuda")
    Machine(tmp_path).choose("warp")
    assert "nerfacc" not in describe_backend("cuda")


def test_doctor_reports_what_auto_will_choose():
    (finding,) = [finding for finding in doctor.examine() if finding.name == "backend"]
    assert finding.value.startswith("auto is ") and not finding.fatal


def test_the_race_times_both_with_the_same_march(monkeypatch):
    for name, value in {"_N_RAYS": 40, "_RESOLUTION": 16, "_REPEATS": 2}.items():
        monkeypatch.setattr(backend_race, name, value)
    rounds, traverse = [], nerfacc_twin.traverse_grids
    monkeypatch.setattr(nerfacc_twin, "traverse_grids", lambda *args: rounds.append(1) or traverse(*args))
    found = backend_race.race(NerfaccKernels(nerfacc_twin, "cpu"))
    assert set(found) == {"warp", "nerfacc"} and min(found.values()) > 0.0
    assert rounds and current().name == "warp"
