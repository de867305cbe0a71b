"""The benchmark's figures: stages against the machine's limits, and against an earlier report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from core.config.setting import from_json
from core.errors import FirstlightError
from core.files import new_file


@dataclass(frozen=True)
class Machine:
    """Measured limits: matrix products in the networks' dtype in GFLOP/s, large copies in GB/s.

    Attributes:
        backend: which kernels ran where; "" in the first reports.
        processor: the CPU and its instruction set; "" in older reports.
    """

    gflops: float
    gigabytes_per_second: float
    n_threads: int
    backend: str = ""
    processor: str = ""


@dataclass(frozen=True)
class Work:
    """The least work of a stage: floating-point operations of matrix products, and bytes read and written."""

    flops: float = 0.0
    n_bytes: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.n_bytes + other.n_bytes)

    def limit(self, machine: Machine) -> tuple[float, str]:
        """The least seconds on a machine, and the limit that binds."""
        products = self.flops / (machine.gflops * 1e9)
        copies = self.n_bytes / (machine.gigabytes_per_second * 1e9)
        return (products, "products") if products > copies else (copies, "bandwidth")


@dataclass(frozen=True)
class Stage:
    """One stage's median time.

    Attributes:
        n_items: how many samples it processed, or rays of a view.
        share: of the machine's limit, 1 is all of it; `limit` says which one binds.
    """

    name: str
    milliseconds: float
    n_items: int
    unit: str
    share: float | None = None
    limit: str = ""

    @property
    def items_per_second(self) -> float:
        return self.n_items / self.milliseconds * 1e3


def stage(name: str, seconds: float, n_items: int, unit: str, work: Work, machine: Machine) -> Stage:
    """A measured stage, compared with the least time for its work."""
    least, limit = work.limit(machine)
    return Stage(name, 1e3 * seconds, n_items, unit, least / seconds, limit)


def figures_table(first: str, *others: str) -> Table:
    """A table whose columns hold numbers, except the first."""
    table = Table(first)
    for header in others:
        table.add_column(header, justify="right")
    return table


def table_of(stages: list[Stage]) -> Table:
    table = figures_table("stage", "median ms", "items", "items/s", "share of the machine's limit")
    for x in stages:
        share = "" if x.share is None else f"{100 * x.share:.0f}% of {x.limit}"
        items = f"{x.n_items:,} {x.unit}"
        table.add_row(x.name, f"{x.milliseconds:.2f}", items, f"{x.items_per_second / 1e6:.2f} M", share)
    return table


def write_report(path: Path, machine: Machine, stages: list[Stage]) -> None:
    """Write figures to a new file of JSON; raises as `core.files.new_file`."""
    report = {"machine": asdict(machine), "stages": [asdict(x) for x in stages]}
    with new_file(path) as file:
        file.write((json.dumps(report, indent=2) + "\n").encode())


def read_report(path: str) -> tuple[Machine, list[Stage]]:
    """Read a report of `write_report`.

    Raises:
        FirstlightError: there is no file, or it is no such report.
    """
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
        return from_json(Machine, report["machine"]), [from_json(Stage, x) for x in report["stages"]]
    except OSError as error:
        raise FirstlightError(f"{path} can't be read ({error.strerror}): give a report that bench wrote") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FirstlightError(f"{path} is no report of bench: give a file that bench --output wrote") from error


def comparison_of(old: list[Stage], new: list[Stage]) -> Table:
    """The stages that both reports have: times per item, and the speed-up."""
    table = figures_table("stage", "old ns an item", "new ns an item", "times as quick")
    before = {x.name: x for x in old}
    for now in new:
        if now.name in before and now.n_items and before[now.name].n_items:
            then, per_item = before[now.name], 1e6 * now.milliseconds / now.n_items
            old_per_item = 1e6 * then.milliseconds / then.n_items
            table.add_row(now.name, f"{old_per_item:.1f}", f"{per_item:.1f}", f"{old_per_item / per_item:.2f}")
    return table
