"""Runs cases of the self-check in processes of their own, and says what became of each."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

COMMAND = (sys.executable, "-m", "core.self_check.child")

GPU = "the GPU"
"""Stands for the name of a case where none can be computed."""

OUT_OF_MEMORY = "OutOfMemoryError"
"""Part of the fault of a case that found no memory."""

_MOST_PROCESSES = 4
"""Processes after which nothing works: a kernel may kill a process, or leave the GPU unusable to it."""

_ROOT = Path(__file__).resolve().parents[2]


class Limits(NamedTuple):
    """Seconds after which a process counts as hung: while it loads torch, compiles a kernel, or computes a case."""

    start: float = 120.0
    compile: float = 180.0
    case: float = 20.0


Tell = Callable[[float, str], None]
"""Called with the share that is done, and with what is being done."""


def run_cases(
    device: str,
    names: Sequence[str],
    replaced: Sequence[str],
    tell: Tell,
    limits: Limits | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, str]:
    """Compute cases on a device and on the CPU, and compare.

    Args:
        device: as for `choose_device`.
        names: of `CASES`, in their order.
        replaced: the names of operations that their twins compute on the device.
        tell: what it raises ends the run.
        command: starts a process; None: `COMMAND`.

    Returns:
        What is wrong with a case, by its name, for those that aren't well; `GPU` stands for all that could not be
        computed at all.
    """
    faults: dict[str, str] = {}
    left = list(names)
    for _ in range(_MOST_PROCESSES):
        run = _Run(left, len(names), tell)
        error = run.follow(
            {"device": device, "cases": left, "replaced": list(replaced)}, limits or Limits(), command or COMMAND
        )
        faults |= run.faults
        if error is not None:
            faults[run.begun or GPU] = error
        if error is not None and run.begun is None:
            return faults
        left = left[left.index(run.begun) + 1 :] if run.begun in left else []
        if not left or any(OUT_OF_MEMORY in fault for fault in run.faults.values()):
            return faults
    return faults | {GPU: f"{_MOST_PROCESSES} processes ended early"}


class _Run:
    """One process.

    Attributes:
        faults: what is wrong, by the case's name.
        begun: the case that began last.
    """

    def __init__(self, names: list[str], n_all: int, tell: Tell):
        self.faults: dict[str, str] = {}
        self.begun: str | None = None
        self._n_done, self._n_all, self._tell = n_all - len(names), n_all, tell

    def follow(self, request: dict[str, Any], limits: Limits, command: Sequence[str]) -> str | None:
        """Run the process to its end; returns why it ended early, or None."""
        limit, what = limits.start, "did not start"
        with _events(request, command) as events:
            while True:
                try:
                    event = events.get(timeout=limit)
                except queue.Empty:
                    return f"{what} within {limit:.0f} s"
                if isinstance(event, str):
                    return event or None
                if "fault" in event:
                    self._n_done += 1
                    if event["fault"] is not None:
                        self.faults[event["case"]] = event["fault"]
                elif "case" in event:
                    self.begun = event["case"]
                compiling = event.get("kernel")
                limit, what = (limits.compile, "was not compiled") if compiling else (limits.case, "did not return")
                self._tell(self._n_done / self._n_all, self._words(compiling))

    def _words(self, kernel: str | None) -> str:
        text = f"checking this GPU: {self.begun or 'starting'}"
        return f"{text} (compiling {kernel}; all kernels take up to a minute, once)" if kernel else text


@contextmanager
def _events(request: dict[str, Any], command: Sequence[str]) -> Iterator[queue.Queue]:
    """Start a process; yields its events as they come, and at its end a text that says why it ended early, or ""."""
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    outcome, complaints = process.stdout, process.stderr
    assert process.stdin is not None and outcome is not None and complaints is not None  # pipes, as asked for
    events, said = queue.Queue(), []
    with suppress(OSError):  # a process that has ended already is noticed below
        process.stdin.write(json.dumps(request))
        process.stdin.close()

    def listen() -> None:
        for line in outcome:
            try:
                events.put(json.loads(line))
            except ValueError:
                events.put(f"it printed what is not understood: {line.strip()[:160]}")
                process.kill()
        code = process.wait()
        errors.join()
        last = next((line for line in reversed(said) if line), "")
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        events.put(f"the process {how}{f' ({last[:160]})' if last else ''}" if code else "")

    errors = threading.Thread(target=lambda: said.extend(map(str.strip, complaints)), daemon=True)
    listener = threading.Thread(target=listen, name="self-check", daemon=True)
    errors.start()
    listener.start()
    try:
        yield events
    finally:
        process.kill()
        listener.join(2.0)  # one that hangs in a driver may never end
