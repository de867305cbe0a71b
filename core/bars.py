"""How far long work is, on a terminal. What is piped elsewhere gets no bars."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """One line of the display; `update` is a progress callback as opening a dataset takes it."""

    def __init__(self, bars: Progress, description: str):
        self._bars = bars
        self._task = bars.add_task(description, total=1.0, text="")

    def update(self, share: float, text: str = "") -> None:
        self._bars.update(self._task, completed=min(share, 1.0), text=text)


@contextmanager
def progress_bars(console: Console) -> Iterator[Progress]:
    """The display, for as long as the work goes on."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield bars
