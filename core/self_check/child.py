"""Computes cases of the self-check on a GPU, as a program of its own: a kernel that hangs or crashes, or a driver that
dies, takes nothing else down.

Reads a JSON object with the arguments of `check` from standard input, and prints a JSON object in a line for each
event: {"ready": true}; {"case": NAME} when one begins; {"kernel": NAME} before a kernel is compiled or loaded and
{"kernel": null} after it; {"case": NAME, "fault": TEXT or null} when one has ended.
"""

import json
import os
import sys
from typing import Any


def check(device: str, cases: list[str], replaced: list[str]) -> None:
    """Compute cases on the CPU and on a device, and compare.

    It ends after an error, which may have left the device unusable.

    Args:
        device: as for `choose_device`.
        cases: the names of those to compute.
        replaced: the names of operations that their twins compute on the device.
    """
    from core.kernels.runtime.device import choose_device
    from core.kernels.runtime.launch import telling_loads
    from core.kernels.runtime.replaceable import replaced as replacing
    from core.self_check.cases import CASES
    from core.self_check.twins import TWINS

    device, wanted, twins = choose_device(device), set(cases), {name: TWINS[name] for name in replaced}
    _tell({"ready": True})
    with telling_loads(lambda kernel: _tell({"kernel": kernel})):
        for case in (case for case in CASES if case.name in wanted):
            _tell({"case": case.name})
            here = case.compute("cpu")
            try:
                with replacing(twins):
                    fault = case.fault(here, case.compute(device))
            except Exception as error:
                text = " ".join(str(error).split())[:200]
                _tell({"case": case.name, "fault": f"raised {type(error).__name__}: {text}"})
                return
            _tell({"case": case.name, "fault": fault})


def main() -> None:
    """Do what standard input asks for."""
    from core.process import configure

    global _out
    _out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print doesn't mix with the events
    configure()
    check(**json.load(sys.stdin))


_out = sys.stdout


def _tell(event: dict[str, Any]) -> None:
    _out.write(json.dumps(event) + "\n")  # at once: kernels are also loaded in other threads
    _out.flush()


if __name__ == "__main__":
    main()
