"""Progress of long tasks: bars on a terminal, lines in a pipe or a file."""

import io

import pytest
from rich.console import Console

from core.commands import progress
from core.commands.progress import Bar, progress_bars


def output_of(terminal: bool, updates: list[tuple[float, str]]) -> str:
    """The output for a task with these progress updates."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=60)
    with progress_bars(console) as display:
        bar = Bar(display, "training")
        for share, text in updates:
            bar.update(share, text)
    return console.file.getvalue()


@pytest.fixture
def no_delay(monkeypatch):
    """Make a line due at every update."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)


def test_a_pipe_gets_plain_lines_with_percentage_and_text(no_delay):
    long = "step 812, training 24.1 dB, test 23.9 dB, in a line that is wider than any terminal"
    assert output_of(False, [(0.25, long), (1.01, "[done]"), (1.0, "")]) == (
        f"training  25%  {long}\ntraining 100%  [done]\ntraining 100%\n"
    )


def test_lines_are_rare_and_quick_tasks_print_none(monkeypatch):
    clock = iter(range(0, 100, 3))
    monkeypatch.setattr(progress, "monotonic", lambda: float(next(clock)))
    assert output_of(False, [(0.1, ""), (0.2, ""), (0.3, "")]) == ""
    clock = iter(range(0, 100, 3))
    lines = output_of(False, [(0.1 * i, "") for i in range(1, 10)]).splitlines()
    assert lines == ["training  40%", "training  80%"], "a line after 12 and after 24 seconds"


def test_a_terminal_shows_a_bar_and_no_lines(no_delay):
    text = output_of(True, [(0.25, "step 812"), (0.5, "step 900")])
    assert "training  25%" not in text and "training  50%" not in text
