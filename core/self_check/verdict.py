"""Decides what runs where on a GPU after its self-check, and remembers it for this GPU, driver, torch and kernels."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.files import recall, remember, user_folder
from core.kernels.runtime.obstacles import driver_version
from core.kernels.runtime.replaceable import replace_operations
from core.process import package_version
from core.self_check.cases import CASES
from core.self_check.supervise import GPU, OUT_OF_MEMORY, Tell, run_cases
from core.self_check.twins import TWINS

MEMORY = "self_check.json"
"""The file in the user's folder that keeps verdicts."""

_PLEASE = "please report this with what run_viewer.py doctor --check prints"


@dataclass(frozen=True)
class Verdict:
    """What a self-check found, and what follows.

    Attributes:
        faults: what is wrong, by the names of cases, see `run_cases`.
        replaced: the cases whose operations their twins compute on the GPU.
        usable: whether the GPU is used at all.
    """

    faults: dict[str, str] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    usable: bool = True

    @property
    def sentence(self) -> str:
        """What the user should know; "" if all is well."""
        if not self.faults:
            return ""
        found = "; ".join(f"{name}: {fault}" for name, fault in list(self.faults.items())[:2])
        more = f" and {len(self.faults) - 2} more" if len(self.faults) > 2 else ""
        if self.no_memory:
            return (
                f"the GPU has too little free memory for its self-check ({found}), so the CPU computes everything: "
                "close other programs that use the GPU"
            )
        instead = "slower code replaces these kernels" if self.usable else "the CPU computes everything"
        return f"the GPU failed its self-check ({found}{more}), so {instead}: {_PLEASE}"

    @property
    def note(self) -> str:
        """The same in a few words; "" if all is well."""
        if not self.faults:
            return ""
        if self.no_memory:
            return "the GPU has too little free memory"
        return "some kernels are replaced: see doctor" if self.usable else "the GPU failed its self-check: see doctor"

    @property
    def no_memory(self) -> bool:
        """Whether memory was all it lacked, which may be there at the next start."""
        return any(OUT_OF_MEMORY in fault for fault in self.faults.values())

    def operations(self) -> tuple[str, ...]:
        """The operations that twins compute."""
        return _operations_of(self.replaced)


def examine(device: str, tell: Tell, run: Callable[..., dict[str, str]] = run_cases) -> Verdict:
    """Check all kernels; if some are wrong, check whether all is well with their twins.

    Args:
        device: as for `choose_device`.
    """
    names = [case.name for case in CASES]
    faults = run(device, names, (), tell)
    broken = [case.name for case in CASES if case.name in faults and case.operations]
    if not faults:
        return Verdict()
    verdict = Verdict(faults, usable=False)
    others = _operations_of(broken)
    if not others or not all(name in TWINS for name in others) or GPU in faults or verdict.no_memory:
        return verdict
    again = [case.name for case in CASES if case.name in faults or not case.operations]
    if run(device, again, others, tell):
        return verdict
    return Verdict({name: faults[name] for name in broken}, tuple(broken))


def prove(device: str, tell: Tell, again: bool = False) -> Verdict:
    """The verdict on a GPU, from memory if it was checked before, and have its twins compute from now on.

    Args:
        device: "cuda": the chosen GPU.
        again: check it even so.
    """
    key, memory = _key(), user_folder() / MEMORY
    known = None if again else _verdict_from(recall(memory, key))
    verdict = known or examine(f"{device}:{torch.cuda.current_device()}", tell)
    if known is None and not verdict.no_memory:
        remember(memory, key, asdict(verdict))
    replace_operations({name: TWINS[name] for name in verdict.operations()})
    return verdict


def remembered() -> Verdict | None:
    """The verdict on the chosen GPU, if it was checked before."""
    return _verdict_from(recall(user_folder() / MEMORY, _key()))


def _verdict_from(value: Any) -> Verdict | None:
    """A verdict from what JSON keeps of it; None if that is no verdict."""
    try:
        faults, replaced, usable = (value[name] for name in ("faults", "replaced", "usable"))
        texts = [*faults, *faults.values(), *replaced]
    except (TypeError, KeyError, AttributeError):
        return None
    if not isinstance(usable, bool) or not all(isinstance(text, str) for text in texts):
        return None
    return Verdict(faults, tuple(replaced), usable)


def _operations_of(names: Iterable[str]) -> tuple[str, ...]:
    named = set(names)
    return tuple(dict.fromkeys(name for case in CASES if case.name in named for name in case.operations))


def _key() -> str:
    """What a verdict holds for: the GPU, its driver, torch, Warp, and the kernels."""
    code = hashlib.sha256()
    here = Path(__file__).resolve().parent
    for folder in (here, here.parent / "kernels"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".h"):
                code.update(path.read_bytes())
    facts = [torch.cuda.get_device_name(), driver_version(), torch.__version__, package_version("warp-lang")]
    return json.dumps([*facts, code.hexdigest()[:16]])
