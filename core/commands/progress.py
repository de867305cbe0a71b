"""Progress of long work: bars on a terminal, and a plain line now and then where the output goes elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 10.0
"""Seconds between plain lines; shorter work prints none."""


class Bar:
    """One line of the display; `update` is a progress callback as opening a dataset takes it."""

    def __init__(self, bars: Progress, description: str):
        self._bars, self._description = bars, description
        self._task = bars.add_task(description, total=1.0, text="")
        self._printed_at = monotonic()

    def update(self, share: float, text: str = "") -> None:
        self._bars.update(self._task, completed=min(share, 1.0), text=text)
        now = monotonic()
        if self._bars.disable and now >= self._printed_at + LINE_SECONDS:
            self._printed_at = now
            line = f"{self._description} {min(share, 1.0):4.0%}  {text}".rstrip()
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bars(console: Console) -> Iterator[Progress]:
    """Shows progress bars while the work runs; where bars are disabled they print lines."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield bars
